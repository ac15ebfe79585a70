/* Who owns a thing, and descriptors for things of ours. Any thread. */
#ifndef HP_HOST_WINDOWS_SECURITY_H
#define HP_HOST_WINDOWS_SECURITY_H

#include <accctrl.h>
#include <stdbool.h>
#include <windows.h>

/* For SYSTEM and Administrators alone, nothing inherited. */
SECURITY_ATTRIBUTES hp_security_administrators(void);

/* SYSTEM, Administrators, TrustedInstaller, our own user, or who owns what we make. */
bool hp_security_is_ours(PSID sid);

/* Does it (open with READ_CONTROL) belong to one of ours? */
bool hp_security_trusted(HANDLE thing, SE_OBJECT_TYPE type);

#endif
