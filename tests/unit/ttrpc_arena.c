#include "ttrpc/arena.h"

#include <stdlib.h>

#include "support.h"
#include "ttrpc/ttrpc.pb-c.h"

START_TEST(test_arena_unpacks) {
  /* service "s", metadata {"a", "1"} and {"namespace", ""} */
  static const uint8_t data[] = {0x0a, 1,    's', 0x2a, 6,   0x0a, 1,   'a', 0x12, 1,   '1', 0x2a,
                                 11,   0x0a, 9,   'n',  'a', 'm',  'e', 's', 'p',  'a', 'c', 'e'};
  size_t length = sizeof data;
  struct ttrpc_arena arena;
  ttrpc_arena_init(&arena);
  const Ttrpc__Request *request =
      (const Ttrpc__Request *)ttrpc_arena_unpack(&arena, &ttrpc__request__descriptor, data, length);
  ck_assert_ptr_nonnull(request);
  ck_assert_str_eq(request->service, "s");
  ck_assert_uint_eq(request->n_metadata, 2);
  ck_assert_str_eq(request->metadata[1]->key, "namespace");
  ck_assert_ptr_null(ttrpc_arena_unpack(&arena, &ttrpc__request__descriptor, data, length - 1));
  ttrpc_arena_clear(&arena);
  ck_assert_ptr_null(arena.chunks);
}
END_TEST

START_TEST(test_arena_is_bounded) {
  size_t length = 4u << 20; /* two million empty KeyValues, which unpack to 100 MB and more */
  uint8_t *data = malloc(length);
  for (size_t i = 0; i < length; i += 2) {
    data[i] = 0x2a;
    data[i + 1] = 0;
  }
  struct ttrpc_arena arena;
  ttrpc_arena_init(&arena);
  ck_assert_ptr_null(ttrpc_arena_unpack(&arena, &ttrpc__request__descriptor, data, length));
  ck_assert_uint_le(arena.total, TTRPC_ARENA_MAX);
  ttrpc_arena_clear(&arena);
  free(data);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("ttrpc/arena");
  TCase *arena = tcase_create("arena");
  tcase_set_timeout(arena, 60);
  tcase_add_test(arena, test_arena_unpacks);
  tcase_add_test(arena, test_arena_is_bounded);
  suite_add_tcase(suite, arena);
  return hp_run_suite(suite);
}
