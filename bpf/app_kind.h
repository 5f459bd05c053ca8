/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The values of `app`. */
#ifndef DYNMON_APP_KIND_H
#define DYNMON_APP_KIND_H

enum dynmon_app {
    DYNMON_APP_NONE = 0,   /* no payload, or one that tshark gives no name: port 80 without HTTP */
    DYNMON_APP_DATA = 1,   /* none of the following */
    DYNMON_APP_DNS = 2,    /* port 53 */
    DYNMON_APP_FTP = 3,    /* TCP port 21 */
    DYNMON_APP_HTTP = 4,   /* TCP, a method or HTTP/ */
    DYNMON_APP_SSDP = 5,   /* UDP port 1900 */
    DYNMON_APP_SSL = 6,    /* TCP, a record of SSL 3 or TLS; on port 443 all that is no text */
    DYNMON_APP_TELNET = 7, /* TCP port 23 */
    DYNMON_APP_FTP_DATA = 8,    /* TCP port 20 */
    DYNMON_APP_MDNS = 9,        /* UDP port 5353 */
    DYNMON_APP_QUOTES_TCP = 10, /* an error of ICMP about a packet of TCP */
    DYNMON_APP_QUOTES_UDP = 11, /* or of UDP */
    DYNMON_APP_FTP_TEXT = 12,   /* TCP port 20, and the first bytes are text */
    /* A head of HTTP with bytes of its body behind it (http.h): */
    DYNMON_APP_HTTP_UNNAMED = 13, /* without a type, or in a way that they cannot be read */
    DYNMON_APP_HTTP_DATA = 14,    /* application/octet-stream */
    DYNMON_APP_HTTP_TEXT = 15,    /* lines of text: HTML, CSS, scripts, half a JSON */
    DYNMON_APP_HTTP_JSON = 16,    /* all of one */
    DYNMON_APP_HTTP_XML = 17,
    DYNMON_APP_HTTP_FORM = 18,      /* application/x-www-form-urlencoded */
    DYNMON_APP_HTTP_MULTIPART = 19, /* any multipart type */
    DYNMON_APP_HTTP_MEDIA = 20,     /* of a type that is none of these */
    DYNMON_APP_HTTP_PNG = 21,       /* as 20, or without a type, and begins as such a picture */
    DYNMON_APP_HTTP_GIF = 22,
    DYNMON_APP_HTTP_JPEG = 23,
};

#endif
