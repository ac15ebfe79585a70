/* Who owns a thing, and descriptors for things of ours. Any thread. */
#ifndef HP_HOST_WINDOWS_SECURITY_H
#define HP_HOST_WINDOWS_SECURITY_H

#include <accctrl.h>
#include <stdbool.h>
#include <windows.h>

#include "base/error.h"

/* For SYSTEM and Administrators alone, nothing inherited. what names the thing
 * in the message. Clear with hp_security_clear. */
int hp_security_administrators(SECURITY_ATTRIBUTES *security, const char *what, struct hp_error *err);
void hp_security_clear(SECURITY_ATTRIBUTES *security);

/* SYSTEM, Administrators, TrustedInstaller, our own user, or who owns what we make. */
bool hp_security_is_ours(PSID sid);

/* Does it (open with READ_CONTROL) belong to one of ours? */
bool hp_security_trusted(HANDLE thing, SE_OBJECT_TYPE type);

#endif
