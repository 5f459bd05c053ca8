# SPDX-License-Identifier: BSD-2-Clause
# The toolchain of ci/kernels --arch arm64. DYNMON_SYSROOT is a folder of unpacked arm64 packages,
# which userland.py makes.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES DYNMON_SYSROOT)
if(NOT IS_DIRECTORY "${DYNMON_SYSROOT}/usr/include")
  message(FATAL_ERROR "DYNMON_SYSROOT is '${DYNMON_SYSROOT}', which has no usr/include: "
    "run ci/kernels --arch arm64, which makes it")
endif()

set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(CMAKE_SYSROOT "${DYNMON_SYSROOT}")
set(CMAKE_FIND_ROOT_PATH "${DYNMON_SYSROOT}")
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)

set(ENV{PKG_CONFIG_SYSROOT_DIR} "${DYNMON_SYSROOT}")
set(ENV{PKG_CONFIG_LIBDIR}
  "${DYNMON_SYSROOT}/usr/lib/aarch64-linux-gnu/pkgconfig:${DYNMON_SYSROOT}/usr/share/pkgconfig")
set(ENV{PKG_CONFIG_PATH} "")
