/* UTF-8 ↔ UTF-16, once, at the edge. Any thread; the results are owned by the
 * caller (free). Broken UTF-8 becomes U+FFFD, a lone surrogate too. */
#ifndef HP_HOST_WINDOWS_TEXT_H
#define HP_HOST_WINDOWS_TEXT_H

#include <wchar.h>

wchar_t *hp_wide(const char *utf8);    /* NULL gives NULL */
char *hp_narrow(const wchar_t *wide);  /* NULL gives NULL */

#endif
