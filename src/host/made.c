/* Claims of the ledger as records: a mount point's owner is one record with all
 * of its points, any other claim says all that its release needs. */
#include <string.h>

#include "host/host.h"
#include "host/ledger.h"
#include "host/strays.h"

static json_t *points_of(json_t *records, json_t *owner) {
  size_t index;
  json_t *record;
  json_array_foreach(records, index, record) {
    json_t *points = json_object_get(record, "points");
    if (points && json_equal(json_object_get(record, "owner"), owner))
      return points;
  }
  json_t *points = json_array();
  json_array_append_new(
      records, json_pack("{s:s, s:O, s:o}", "kind", "mount-points", "owner", owner, "points", points));
  return points;
}

static void add_claim(json_t *records, json_t *claim) {
  json_t *owner = json_object_get(claim, "owner");
  if (hp_owner_at_work(owner))
    return;
  if (hp_ledger_is(claim, "mount-point", NULL))
    json_array_append_new(points_of(records, owner),
                          json_pack("{s:O?, s:O?}", "path", json_object_get(claim, "path"), "type",
                                    json_object_get(claim, "type")));
  else
    json_array_append_new(records, json_deep_copy(claim));
}

int host_find_made(json_t **records, struct hp_error *err) {
  json_t *claims, *claim;
  size_t index;
  if (hp_ledger_read(&claims, err) != 0)
    return -1;
  *records = json_array();
  json_array_foreach(claims, index, claim) {
    add_claim(*records, claim);
  }
  int result = hp_find_strays(claims, *records, err);
  json_decref(claims);
  if (result != 0) {
    json_decref(*records);
    *records = NULL;
  }
  return result;
}
