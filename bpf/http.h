/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What the body of a message of HTTP is, told by lines of its head in the same packet, as tshark
 * tells it.
 *
 * These lines may stand anywhere, so that the first DYNMON_HTTP_HEAD bytes are walked one by one.
 * They are copied first: then one way of the verifier through each round is all that there is. */
#ifndef DYNMON_HTTP_H
#define DYNMON_HTTP_H

#include "app_kind.h"
#include "packet.h"

#define DYNMON_HTTP_HEAD 1024  /* bytes of the payload that are looked at; a power of two */
#define DYNMON_HTTP_LEAST 16   /* of a shorter payload nothing is */
#define DYNMON_HTTP_PIECE 64   /* bytes that are copied at once */
#define DYNMON_HTTP_STEP 8     /* bytes that are walked before the end is looked for */
#define DYNMON_HTTP_NOTES 64   /* a power of two: 62 lines of a head, its body, one to spare */
#define DYNMON_HTTP_BLANKS 4   /* in front of a value */
#define DYNMON_HTTP_TYPE 40    /* bytes: longer than any type that is known here */
#define DYNMON_HTTP_PICTURE 16 /* bytes: a shorter one is none */

#define DYNMON_TEXT(a, b, c, d) ((__u32)(a) << 24 | (__u32)(b) << 16 | (__u32)(c) << 8 | (__u32)(d))

static __always_inline bool dynmon_is_http(const __u8* start) {
    switch (DYNMON_TEXT(start[0], start[1], start[2], start[3])) {
    case DYNMON_TEXT('G', 'E', 'T', ' '):
    case DYNMON_TEXT('P', 'U', 'T', ' '):
        return true;
    case DYNMON_TEXT('H', 'T', 'T', 'P'):
        return start[4] == '/';
    case DYNMON_TEXT('P', 'O', 'S', 'T'):
    case DYNMON_TEXT('H', 'E', 'A', 'D'):
        return start[4] == ' ';
    case DYNMON_TEXT('D', 'E', 'L', 'E'):
        return start[4] == 'T';
    case DYNMON_TEXT('O', 'P', 'T', 'I'):
        return start[4] == 'O';
    case DYNMON_TEXT('P', 'A', 'T', 'C'):
        return start[4] == 'H';
    case DYNMON_TEXT('C', 'O', 'N', 'N'):
    case DYNMON_TEXT('T', 'R', 'A', 'C'):
        return start[4] == 'E';
    default:
        return false;
    }
}

/* The beginning of a payload. In front of it is room for a last piece that is longer than the
 * payload, and for a name that is compared from its end; behind it for words that are read there.
 * What stood there before may be there still. No packet comes in between: each CPU has its own, and
 * finishes one packet after the other. */
struct dynmon_http_head {
    __u8 before[DYNMON_HTTP_PIECE];
    __u8 bytes[DYNMON_HTTP_HEAD];
    __u8 behind[DYNMON_HTTP_PIECE];
    __u16 notes[DYNMON_HTTP_NOTES]; /* offsets: of the first colon of each header, of the body */
};

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct dynmon_http_head);
} dynmon_http_heads SEC(".maps");

/* Where in a head the walk is. */
enum dynmon_http_at {
    DYNMON_HTTP_VALUE, /* behind a colon, or in the first line */
    DYNMON_HTTP_CR,    /* behind a CR that ended a line; a LF may follow */
    DYNMON_HTTP_LINE,  /* at the beginning of a line */
    DYNMON_HTTP_NAME,  /* in front of the colon */
    DYNMON_HTTP_EMPTY, /* behind the CR of an empty line */
    DYNMON_HTTP_END,   /* behind the empty line */
    DYNMON_HTTP_BODY,  /* behind the first byte of the body, or behind a line that is no header */
    DYNMON_HTTP_STATES = 8,
    DYNMON_HTTP_NOTE = 16, /* a bit beside it: this byte is noted */
};

/* Where to go by the next byte: anything, a LF, a CR, a colon. */
#define DYNMON_HTTP_GO(any, lf, cr, colon)                                                         \
    {                                                                                              \
        [0 ... '\n' - 1] = (any), ['\n'] = (lf), ['\n' + 1 ... '\r' - 1] = (any), ['\r'] = (cr),   \
                      ['\r' + 1 ... ':' - 1] = (any), [':'] = (colon), [':' + 1 ... 255] = (any),  \
    }

#define DYNMON_HTTP_IS_COLON (DYNMON_HTTP_VALUE | DYNMON_HTTP_NOTE)
#define DYNMON_HTTP_IS_BODY (DYNMON_HTTP_BODY | DYNMON_HTTP_NOTE)

static const __u8 dynmon_http_next[DYNMON_HTTP_STATES][256] = {
    [DYNMON_HTTP_VALUE] =
        DYNMON_HTTP_GO(DYNMON_HTTP_VALUE, DYNMON_HTTP_LINE, DYNMON_HTTP_CR, DYNMON_HTTP_VALUE),
    [DYNMON_HTTP_CR] =
        DYNMON_HTTP_GO(DYNMON_HTTP_NAME, DYNMON_HTTP_LINE, DYNMON_HTTP_EMPTY, DYNMON_HTTP_IS_COLON),
    [DYNMON_HTTP_LINE] =
        DYNMON_HTTP_GO(DYNMON_HTTP_NAME, DYNMON_HTTP_END, DYNMON_HTTP_EMPTY, DYNMON_HTTP_IS_COLON),
    [DYNMON_HTTP_NAME] = DYNMON_HTTP_GO(DYNMON_HTTP_NAME, DYNMON_HTTP_IS_BODY, DYNMON_HTTP_IS_BODY,
                                        DYNMON_HTTP_IS_COLON),
    [DYNMON_HTTP_EMPTY] = DYNMON_HTTP_GO(DYNMON_HTTP_IS_BODY, DYNMON_HTTP_END, DYNMON_HTTP_IS_BODY,
                                         DYNMON_HTTP_IS_BODY),
    [DYNMON_HTTP_END] = DYNMON_HTTP_GO(DYNMON_HTTP_IS_BODY, DYNMON_HTTP_IS_BODY,
                                       DYNMON_HTTP_IS_BODY, DYNMON_HTTP_IS_BODY),
    [DYNMON_HTTP_BODY] =
        DYNMON_HTTP_GO(DYNMON_HTTP_BODY, DYNMON_HTTP_BODY, DYNMON_HTTP_BODY, DYNMON_HTTP_BODY),
};

/* What a head says of its body: offsets of the values of the last such lines. 0: there is none. */
struct dynmon_http_facts {
    __u64 type, coding, transfer, length;
};

struct dynmon_http_piece {
    __u64 words[DYNMON_HTTP_PIECE / sizeof(__u64)];
};

/* The piece of the payload that ends `end` bytes behind its beginning, at `offset`. */
static __always_inline bool dynmon_http_copy_piece(struct xdp_md* ctx, __u64 offset, __u64 end,
                                                   struct dynmon_http_head* head) {
    const struct dynmon_http_piece* piece;
    struct dynmon_http_piece* into;
    __u64 from = offset + end - DYNMON_HTTP_PIECE;

    barrier_var(from);
    barrier_var(end);
    if (end > DYNMON_HTTP_HEAD || from > DYNMON_HEADERS_MAX)
        return false;
    piece = (void*)(long)ctx->data + from;
    into = (void*)(head->before + end);
    if ((void*)(piece + 1) > (void*)(long)ctx->data_end)
        return false;
#pragma unroll
    for (__u32 i = 0; i < DYNMON_HTTP_PIECE / sizeof(__u64); i++)
        into->words[i] = piece->words[i];
    return true;
}

/* Piece by piece, the last one, which ends with the payload, first. */
static __always_inline bool dynmon_http_copy_xdp(struct xdp_md* ctx, __u64 offset, __u64 length,
                                                 struct dynmon_http_head* head) {
    if (!dynmon_http_copy_piece(ctx, offset, length, head))
        return false;
#pragma clang loop unroll(disable)
    for (__u64 end = DYNMON_HTTP_PIECE; end < DYNMON_HTTP_HEAD; end += DYNMON_HTTP_PIECE) {
        if (end < length && !dynmon_http_copy_piece(ctx, offset, dynmon_forget(end), head))
            return false;
    }
    return true;
}

/* The first `length` bytes of the payload. */
static __always_inline bool dynmon_http_copy(const struct dynmon_packet* pkt, __u64 offset,
                                             __u64 length, struct dynmon_http_head* head) {
    if (pkt->hook == DYNMON_HOOK_XDP && !dynmon_frags)
        return dynmon_http_copy_xdp(pkt->ctx, offset, length, head);
    barrier_var(length);
    if (length < DYNMON_HTTP_LEAST || length > DYNMON_HTTP_HEAD)
        return false;
    return dynmon_load_far(pkt, offset, head->bytes, length);
}

/* Walks up to the first byte of the body. Returns how many headers are noted in front of it, or
 * DYNMON_HTTP_NOTES: it is not there. What it does with a byte has no branch: so there is one way
 * for the verifier. */
static __always_inline __u64 dynmon_http_walk(struct dynmon_http_head* head, __u64 length) {
    __u64 state = DYNMON_HTTP_VALUE, notes = 0;

#pragma clang loop unroll(disable)
    for (__u64 at = 0; at < DYNMON_HTTP_HEAD; at += DYNMON_HTTP_STEP) {
        if (at >= length || (state & (DYNMON_HTTP_STATES - 1)) == DYNMON_HTTP_BODY)
            break;
#pragma unroll
        for (__u64 i = 0; i < DYNMON_HTTP_STEP; i++) {
            state = dynmon_http_next[state & (DYNMON_HTTP_STATES - 1)][head->bytes[at + i]];
            head->notes[notes] = at + i;
            notes = (notes + state / DYNMON_HTTP_NOTE) & (DYNMON_HTTP_NOTES - 1);
        }
    }
    state = dynmon_forget(state);
    notes = dynmon_forget(notes);
    if ((state & (DYNMON_HTTP_STATES - 1)) != DYNMON_HTTP_BODY || !notes)
        return DYNMON_HTTP_NOTES;
    return notes - 1;
}

/* Eight letters of a name in lower case. */
#define DYNMON_HTTP_LOWER 0x2020202020202020ULL

static __always_inline __u64 dynmon_http_letters(const __u8* at) {
    return *(const __u64*)at | DYNMON_HTTP_LOWER;
}

#define DYNMON_HTTP_LETTERS(a, b, c, d, e, f, g, h)                                                \
    ((__u64)(h) << 56 | (__u64)(g) << 48 | (__u64)(f) << 40 | (__u64)(e) << 32 |                   \
     (__u64)(d) << 24 | (__u64)(c) << 16 | (__u64)(b) << 8 | (__u64)(a))

static __always_inline bool dynmon_http_begins_line(const __u8* at) {
    return at[-1] == '\n' || at[-1] == '\r';
}

static const __u8 dynmon_http_blank[256] = {[' '] = 1, ['\t'] = 1};

/* Where the value begins of the line that goes on at `at`; of none: 0, where no blank is. */
static __always_inline __u64 dynmon_http_value(const struct dynmon_http_head* head, __u64 at) {
    at &= DYNMON_HTTP_HEAD - 1;
#pragma unroll
    for (__u64 i = 0; i < DYNMON_HTTP_BLANKS; i++) {
        __u64 blank = dynmon_http_blank[head->bytes[at]];
        barrier_var(blank);
        at += blank & 1;
    }
    return dynmon_forget(at) & (DYNMON_HTTP_HEAD - 1);
}

/* The facts are variables until all are read: to a struct, older compilers would write through one
 * pointer, of which `dynmon-load check` knows only that it points to the stack. */
static __always_inline void dynmon_http_read(const struct dynmon_http_head* head, __u64 lines,
                                             struct dynmon_http_facts* facts) {
    const __u64 content = DYNMON_HTTP_LETTERS('c', 'o', 'n', 't', 'e', 'n', 't', '-');
    __u64 type = dynmon_forget(0), coding = type, transfer = type, length = type;

#pragma clang loop unroll(disable)
    for (__u64 line = 0; line < DYNMON_HTTP_NOTES && line < lines; line++) {
        const __u64 colon = head->notes[line] & (DYNMON_HTTP_HEAD - 1);
        const __u8* end = head->bytes + colon;
        const __u64 last = dynmon_http_letters(end - 8);

        if (last == DYNMON_HTTP_LETTERS('e', 'n', 't', '-', 't', 'y', 'p', 'e')) {
            if (dynmon_http_letters(end - 12) == content && dynmon_http_begins_line(end - 12))
                type = colon + 1;
        } else if (last == DYNMON_HTTP_LETTERS('t', '-', 'l', 'e', 'n', 'g', 't', 'h')) {
            if (dynmon_http_letters(end - 14) == content && dynmon_http_begins_line(end - 14))
                length = colon + 1;
        } else if (last == DYNMON_HTTP_LETTERS('e', 'n', 'c', 'o', 'd', 'i', 'n', 'g')) {
            const __u64 first = dynmon_http_letters(end - 16);
            if (first == content && dynmon_http_begins_line(end - 16))
                coding = colon + 1;
            else if (first == DYNMON_HTTP_LETTERS('r', 'a', 'n', 's', 'f', 'e', 'r', '-') &&
                     (end[-17] | 0x20) == 't' && dynmon_http_begins_line(end - 17))
                transfer = colon + 1;
        }
        type = dynmon_forget(type);
        coding = dynmon_forget(coding);
        transfer = dynmon_forget(transfer);
        length = dynmon_forget(length);
    }
    facts->type = dynmon_http_value(head, type);
    facts->coding = dynmon_http_value(head, coding);
    facts->transfer = dynmon_http_value(head, transfer);
    facts->length = dynmon_http_value(head, length);
}

static __always_inline bool dynmon_http_ends_word(__u8 byte) {
    return byte <= ' ' || byte == ';';
}

/* Whether the value at `at` is that word, of at most eight letters. */
static __always_inline bool dynmon_http_says(const struct dynmon_http_head* head, __u64 at,
                                             const char* word) {
    const __u64 length = __builtin_strlen(word);
    const __u64 mask = ~0ULL >> (64 - 8 * length);
    __u64 letters = 0;

#pragma unroll
    for (__u64 i = 0; i < length; i++)
        letters |= (__u64)word[i] << 8 * i;
    return ((dynmon_http_letters(head->bytes + at) ^ letters) & mask) == 0 &&
           dynmon_http_ends_word(head->bytes[at + length]);
}

/* Types are compared by 64 bits of FNV-1a, which the compiler makes of those that are known. */
#define DYNMON_HTTP_HASH 0xcbf29ce484222325ULL
#define DYNMON_HTTP_HASHED(hash, byte) (((hash) ^ (byte)) * 0x100000001b3ULL)

struct dynmon_http_type {
    __u64 hash;
    __u64 main; /* the same up to the slash */
};

/* The type at `at`, in lower case. */
static __always_inline struct dynmon_http_type dynmon_http_type(const struct dynmon_http_head* head,
                                                                __u64 at) {
    struct dynmon_http_type type = {.hash = dynmon_forget(DYNMON_HTTP_HASH),
                                    .main = dynmon_forget(0)};

    dynmon_meet();
#pragma clang loop unroll(disable)
    for (__u64 i = 0; i < DYNMON_HTTP_TYPE; i++) {
        const __u8 byte = head->bytes[at + i];
        if (dynmon_http_ends_word(byte))
            break;
        if (byte == '/')
            type.main = type.hash;
        type.hash = DYNMON_HTTP_HASHED(type.hash, byte | 0x20);
    }
    type.hash = dynmon_forget(type.hash);
    type.main = dynmon_forget(type.main);
    return type;
}

static __always_inline __u64 dynmon_http_hash(const char* text) {
    __u64 hash = DYNMON_HTTP_HASH;

#pragma unroll
    for (__u64 i = 0; i < __builtin_strlen(text); i++)
        hash = DYNMON_HTTP_HASHED(hash, text[i]);
    return hash;
}

static __always_inline enum dynmon_app dynmon_http_by_type(const struct dynmon_http_type* type) {
#define DYNMON_HTTP_IS(text) (type->hash == dynmon_http_hash(text))
    if (DYNMON_HTTP_IS("text/html") || DYNMON_HTTP_IS("text/plain") || DYNMON_HTTP_IS("text/css") ||
        DYNMON_HTTP_IS("text/javascript") || DYNMON_HTTP_IS("application/x-javascript") ||
        DYNMON_HTTP_IS("text/richtext") || DYNMON_HTTP_IS("application/x-ns-proxy-autoconfig"))
        return DYNMON_APP_HTTP_TEXT;
    if (DYNMON_HTTP_IS("application/json") || DYNMON_HTTP_IS("application/problem+json") ||
        DYNMON_HTTP_IS("application/json-rpc") || DYNMON_HTTP_IS("application/senml+json"))
        return DYNMON_APP_HTTP_JSON;
    if (DYNMON_HTTP_IS("text/xml") || DYNMON_HTTP_IS("application/xml") ||
        DYNMON_HTTP_IS("application/soap+xml") || DYNMON_HTTP_IS("application/rss+xml") ||
        DYNMON_HTTP_IS("application/atom+xml") || DYNMON_HTTP_IS("image/svg+xml") ||
        DYNMON_HTTP_IS("application/rdf+xml") || DYNMON_HTTP_IS("application/xslt+xml"))
        return DYNMON_APP_HTTP_XML;
    if (DYNMON_HTTP_IS("application/x-www-form-urlencoded"))
        return DYNMON_APP_HTTP_FORM;
    if (DYNMON_HTTP_IS("application/octet-stream"))
        return DYNMON_APP_HTTP_DATA;
    if (type->main == dynmon_http_hash("multipart"))
        return DYNMON_APP_HTTP_MULTIPART;
    return DYNMON_APP_HTTP_MEDIA;
#undef DYNMON_HTTP_IS
}

/* A picture is known by its first bytes, whatever type its head names. */
static __always_inline enum dynmon_app dynmon_http_picture(const struct dynmon_http_head* head,
                                                           __u64 body, enum dynmon_app otherwise) {
    const __u8* bytes = head->bytes + (body & (DYNMON_HTTP_HEAD - 1));
    const __u32 start = DYNMON_TEXT(bytes[0], bytes[1], bytes[2], bytes[3]);
    const __u32 mark = DYNMON_TEXT(bytes[6], bytes[7], bytes[8], bytes[9]);

    if (start == DYNMON_TEXT(0x89, 'P', 'N', 'G'))
        return DYNMON_APP_HTTP_PNG;
    if (start == DYNMON_TEXT('G', 'I', 'F', '8'))
        return DYNMON_APP_HTTP_GIF;
    if ((start == DYNMON_TEXT(0xff, 0xd8, 0xff, 0xe0) && mark == DYNMON_TEXT('J', 'F', 'I', 'F')) ||
        (start == DYNMON_TEXT(0xff, 0xd8, 0xff, 0xe1) && mark == DYNMON_TEXT('E', 'x', 'i', 'f')))
        return DYNMON_APP_HTTP_JPEG;
    return otherwise;
}

/* Whether a status has no body, whatever the head says: 1xx, 204, 304. */
static __always_inline bool dynmon_http_is_bodiless(const __u8* bytes) {
    const __u32 status = DYNMON_TEXT(bytes[8], bytes[9], bytes[10], bytes[11]);

    return status >> 16 == (' ' << 8 | '1') || status == DYNMON_TEXT(' ', '2', '0', '4') ||
           status == DYNMON_TEXT(' ', '3', '0', '4');
}

/* The last eight bytes of the payload, the last one lowest. One word: see dynmon_forget(). */
typedef __u64 dynmon_http_tail_t;

static __always_inline bool dynmon_http_is_last_chunk(dynmon_http_tail_t tail) {
    return (tail & 0xffffffffff) == ((__u64)'0' << 32 | DYNMON_TEXT('\r', '\n', '\r', '\n'));
}

/* All of an object or an array: from bracket to bracket, with an end of line at most behind it. */
static __always_inline bool dynmon_http_is_whole_json(__u8 first, dynmon_http_tail_t tail) {
    if ((tail & 0xff) == '\n')
        tail >>= 8;
    if ((tail & 0xff) == '\r')
        tail >>= 8;
    return (first == '{' && (tail & 0xff) == '}') || (first == '[' && (tail & 0xff) == ']');
}

/* For bytes behind a head that announces none: another message, or they have no name. */
static __always_inline enum dynmon_app dynmon_http_more(const struct dynmon_http_head* head,
                                                        __u64 body, __u64 size) {
    return size >= 5 && dynmon_is_http(head->bytes + (body & (DYNMON_HTTP_HEAD - 1)))
               ? DYNMON_APP_HTTP
               : DYNMON_APP_HTTP_UNNAMED;
}

static __always_inline enum dynmon_app dynmon_http_body(const struct dynmon_http_head* head,
                                                        __u64 body,
                                                        const struct dynmon_http_facts* facts,
                                                        dynmon_http_tail_t tail, __u64 size) {
    const __u64 coding = facts->coding;
    const bool chunked = facts->transfer && dynmon_http_says(head, facts->transfer, "chunked");
    const bool response = head->bytes[1] == 'T'; /* HTTP/, and no method has it there */
    bool plain = !chunked;
    struct dynmon_http_type type;
    enum dynmon_app app;

    if (response && dynmon_http_is_bodiless(head->bytes))
        return dynmon_http_more(head, body, size);
    if (!chunked && (facts->length ? dynmon_http_says(head, facts->length, "0") : !response))
        return dynmon_http_more(head, body, size);
    if (chunked && (size <= 5 || !dynmon_http_is_last_chunk(tail)))
        return DYNMON_APP_HTTP;
    if (facts->coding && !dynmon_http_says(head, coding, "identity")) {
        if (!dynmon_http_says(head, coding, "gzip") && !dynmon_http_says(head, coding, "x-gzip") &&
            !dynmon_http_says(head, coding, "deflate") && !dynmon_http_says(head, coding, "br"))
            return DYNMON_APP_HTTP_UNNAMED;
        plain = false;
    }
    app = DYNMON_APP_HTTP_UNNAMED;
    if (facts->type) {
        type = dynmon_http_type(head, facts->type);
        app = dynmon_http_by_type(&type);
    }
    if (!plain)
        return app;
    if (app == DYNMON_APP_HTTP_JSON)
        return dynmon_http_is_whole_json(head->bytes[body & (DYNMON_HTTP_HEAD - 1)], tail)
                   ? DYNMON_APP_HTTP_JSON
                   : DYNMON_APP_HTTP_TEXT;
    if (size >= DYNMON_HTTP_PICTURE &&
        (app == DYNMON_APP_HTTP_MEDIA || app == DYNMON_APP_HTTP_UNNAMED))
        return dynmon_http_picture(head, body, app);
    return app;
}

/* For a payload that begins as HTTP does. */
static __always_inline enum dynmon_app dynmon_http(const struct dynmon_packet* packet,
                                                   const struct dynmon_headers* headers,
                                                   __u64 payload) {
    const __u64 offset = dynmon_forget(headers->l4_offset + headers->l4_header);
    struct dynmon_packet pkt = *packet; /* whose pointers are renewed */
    struct dynmon_http_facts facts;
    struct dynmon_http_head* head;
    const __u64 zero = 0; /* the key, in all of its slot of the stack: see dynmon_forget() */
    __u64 length, lines, body;
    dynmon_http_tail_t tail = 0; /* for the same */

    payload = dynmon_forget(payload);
    length = payload < DYNMON_HTTP_HEAD ? payload : DYNMON_HTTP_HEAD;
    if (length < DYNMON_HTTP_LEAST)
        return DYNMON_APP_HTTP;
    head = bpf_map_lookup_elem(&dynmon_http_heads, &zero);
    if (!head || !dynmon_http_copy(&pkt, offset, length, head))
        return DYNMON_APP_HTTP;
    payload = dynmon_forget(payload);
    length = dynmon_forget(length);
    dynmon_renew(&pkt);
    dynmon_meet();
    lines = dynmon_http_walk(head, length);
    if (lines >= DYNMON_HTTP_NOTES)
        return DYNMON_APP_HTTP;
    body = head->notes[lines];
    if (body >= length || !dynmon_load_rare(&pkt, offset + payload - sizeof(tail), &tail))
        return DYNMON_APP_HTTP;
    dynmon_meet();
    dynmon_http_read(head, lines, &facts);
    return dynmon_http_body(head, body, &facts, bpf_be64_to_cpu(tail), payload - body);
}

#endif
