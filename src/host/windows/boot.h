/* This boot's id: what lived before it is dead. (any) */
#ifndef HP_HOST_WINDOWS_BOOT_H
#define HP_HOST_WINDOWS_BOOT_H

#include "base/error.h"

/* 16 hex digits, random, the same for every process until the system ends. */
#define HP_BOOT_ID_SIZE 17
int hp_boot_id(char id[HP_BOOT_ID_SIZE], struct hp_error *err);

/* Random bytes as hex digits; length is even. */
int hp_random_hex(char *hex, unsigned length, struct hp_error *err);

#endif
