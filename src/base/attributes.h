/* What compilers spell differently. */
#ifndef HP_BASE_ATTRIBUTES_H
#define HP_BASE_ATTRIBUTES_H

/* The function's format is argument format_at, what it formats begins at
 * first (0: a va_list). mingw's default is msvcrt's printf, which knows no %zu. */
#if defined(__MINGW32__) && !defined(__clang__)
#define HP_PRINTF(format_at, first) __attribute__((format(gnu_printf, format_at, first)))
#elif defined(_MSC_VER) && !defined(__clang__)
#define HP_PRINTF(format_at, first)
#else
#define HP_PRINTF(format_at, first) __attribute__((format(printf, format_at, first)))
#endif

#endif
