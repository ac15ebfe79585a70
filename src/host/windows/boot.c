/* Windows has no boot id that a clock set anew would leave alone. A volatile
 * key of the registry ends with the system, so a random value in one is such
 * an id. */
#include "host/windows/boot.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <windows.h>

#include <bcrypt.h>

#define KEY L"SOFTWARE\\hostprocess-shim-boot"
#define WAIT_MS 1000 /* whoever made the key sets its value at once */

int hp_random_hex(char *hex, unsigned length, struct hp_error *err) {
  unsigned char bytes[32];
  unsigned count = length / 2;
  if (count > sizeof bytes)
    return hp_error_set(err, HP_INTERNAL, "more than 64 random digits are asked for");
  NTSTATUS status = BCryptGenRandom(NULL, bytes, count, BCRYPT_USE_SYSTEM_PREFERRED_RNG);
  if (status < 0)
    return hp_error_set(err, HP_INTERNAL, "BCryptGenRandom failed with status 0x%08lx",
                        (unsigned long)status);
  for (unsigned i = 0; i < 2 * count; i++)
    hex[i] = "0123456789abcdef"[i % 2 ? bytes[i / 2] & 15 : bytes[i / 2] >> 4];
  hex[2 * count] = 0;
  return 0;
}

static LSTATUS read_value(HKEY key, char id[HP_BOOT_ID_SIZE]) {
  unsigned char value[HP_BOOT_ID_SIZE - 1];
  DWORD length = sizeof value, type = 0;
  LSTATUS status = RegQueryValueExW(key, L"id", NULL, &type, value, &length);
  if (status != ERROR_SUCCESS)
    return status;
  if (type != REG_BINARY || length != sizeof value)
    return ERROR_INVALID_DATA;
  for (size_t i = 0; i < sizeof value; i++)
    if (!strchr("0123456789abcdef", value[i]) || !value[i])
      return ERROR_INVALID_DATA;
  memcpy(id, value, sizeof value);
  id[sizeof value] = 0;
  return ERROR_SUCCESS;
}

int hp_boot_id(char id[HP_BOOT_ID_SIZE], struct hp_error *err) {
  HKEY key;
  DWORD disposition = 0;
  LSTATUS status = RegCreateKeyExW(HKEY_LOCAL_MACHINE, KEY, 0, NULL, REG_OPTION_VOLATILE,
                                   KEY_QUERY_VALUE | KEY_SET_VALUE, NULL, &key, &disposition);
  if (status != ERROR_SUCCESS)
    return hp_error_set_os(err, (int)status, "RegCreateKeyExW of HKLM\\SOFTWARE\\hostprocess-shim-boot");
  bool first = disposition == REG_CREATED_NEW_KEY;
  ULONGLONG end = GetTickCount64() + WAIT_MS;
  while (!first && (status = read_value(key, id)) == ERROR_FILE_NOT_FOUND && GetTickCount64() < end)
    Sleep(5);
  int result = 0;
  if (first || status == ERROR_FILE_NOT_FOUND) { /* its maker died before it set the value */
    result = hp_random_hex(id, HP_BOOT_ID_SIZE - 1, err);
    status = result == 0 ? RegSetValueExW(key, L"id", 0, REG_BINARY, (const BYTE *)id, HP_BOOT_ID_SIZE - 1)
                         : ERROR_SUCCESS;
  }
  RegCloseKey(key);
  if (result == 0 && status != ERROR_SUCCESS)
    result = hp_error_set_os(err, (int)status, "the boot id in HKLM\\SOFTWARE\\hostprocess-shim-boot");
  return result;
}
