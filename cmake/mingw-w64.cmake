# Cross build for Windows with Debian's mingw-w64 (preset "windows"). Run
# scripts/windows-deps.sh first: it builds the libraries into HP_WINDOWS_DEPS.
set(CMAKE_SYSTEM_NAME Windows)
set(CMAKE_SYSTEM_PROCESSOR x86_64)
set(HP_MINGW x86_64-w64-mingw32)
set(CMAKE_C_COMPILER ${HP_MINGW}-gcc)
set(CMAKE_RC_COMPILER ${HP_MINGW}-windres)
set(CMAKE_AR ${HP_MINGW}-ar)
set(CMAKE_RANLIB ${HP_MINGW}-ranlib)

set(CMAKE_FIND_ROOT_PATH /usr/${HP_MINGW})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)

# C99's printf, for %zu and %llu, is mingw's own and not that of msvcrt.
set(CMAKE_C_FLAGS_INIT "-D__USE_MINGW_ANSI_STDIO=1")
set(CMAKE_EXE_LINKER_FLAGS_INIT "-static")
