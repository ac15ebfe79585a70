/* The rules for where mounts appear: what the text of their places decides. The
 * host judges after them by what it has there. */
#include <stdlib.h>
#include <string.h>

#include "spec/place.h"
#include "spec/rule.h"

/* Before any is compared with every other. */
int hp_rule_mount_count(const struct hp_rule_subject *subject, struct hp_error *err) {
  return hp_mounts_count(hp_rule_mounts(subject), subject->spec->mount_count, err);
}

enum question { IS_PLACE, IS_ROOT, HOLDS_VOLUME, IS_TWICE, IS_NESTED };

/* What is asked of each mount, in order. */
struct walk {
  const struct hp_rule_subject *subject;
  enum question question;
  char *base;                  /* of the volume */
  char *places[HP_MOUNTS_MAX]; /* of the mounts before; NULL: none */
};

static int refuse(const struct walk *walk, size_t i, const char *field, const char *why,
                  struct hp_error *err) {
  return hp_error_set(err, HP_INVALID_ARGUMENT, "%s \"%.256s\" %s", field,
                      walk->subject->spec->mounts[i].destination, why);
}

/* Two of them (Windows). Below the volume a place has no drive. But how much of
 * one below the volume's base is below the volume, the mount behavior and the
 * container's id decide: it is compared with its like alone, and the rest is the
 * host's to judge. */
static int judge_pairs(struct walk *walk, size_t i, const char *field, struct hp_error *err) {
  enum hp_os os = HP_OS_WINDOWS;
  char *place = walk->places[i];
  if (!hp_place_lies_in(os, place, walk->base))
    *place = '*';
  for (size_t j = 0; j < i; j++) {
    const char *other = walk->places[j];
    if (!other)
      continue;
    bool below = hp_place_lies_in(os, place, other), above = hp_place_lies_in(os, other, place);
    if (walk->question == IS_TWICE ? below && above : below != above)
      return hp_place_refuse_pair(walk->question == IS_NESTED, field,
                                  walk->subject->spec->mounts[i].destination, hp_rule_mounts(walk->subject),
                                  j, err);
  }
  return 0;
}

static int judge_place(struct walk *walk, size_t i, const char *field, struct hp_error *err) {
  const char *place = walk->places[i];
  enum hp_os os = walk->subject->os;
  if (walk->question >= IS_TWICE)
    return judge_pairs(walk, i, field, err);
  if (walk->question == IS_ROOT && !place[os == HP_OS_LINUX ? strlen("/") : strlen("C:\\")])
    return refuse(walk, i, field, os == HP_OS_LINUX ? hp_place_is_root : hp_place_is_drive, err);
  if (walk->question == HOLDS_VOLUME && hp_place_lies_in(os, walk->base, place))
    return refuse(walk, i, field, hp_place_holds_volume, err);
  return 0;
}

static int judge_mount(struct walk *walk, size_t i, struct hp_error *err) {
  const struct hp_rule_subject *subject = walk->subject;
  const struct hp_mount *mount = &subject->spec->mounts[i];
  if (!mount->destination || !*mount->destination)
    return 0; /* another rule's */
  char *field = hp_rule_destination(subject, i),
       *place = hp_place(subject->os, mount->destination, walk->question == IS_PLACE ? field : NULL, err);
  int result = place || walk->question != IS_PLACE ? 0 : -1;
  walk->places[i] = place;
  if (place && !hp_mount_is_hosts_own(subject->os, mount, place))
    result = judge_place(walk, i, field, err);
  free(field);
  return result;
}

static int judge(const struct hp_rule_subject *subject, enum question question, struct hp_error *err) {
  struct walk *walk = hp_alloc(sizeof *walk);
  int result = 0;
  walk->subject = subject;
  walk->question = question;
  walk->base = hp_place_of_volume(subject->os, subject->spec->rootfs_location);
  for (size_t i = 0; i < subject->spec->mount_count && i < HP_MOUNTS_MAX && result == 0; i++)
    result = judge_mount(walk, i, err);
  for (size_t i = 0; i < HP_MOUNTS_MAX; i++)
    free(walk->places[i]);
  free(walk->base);
  free(walk);
  return result;
}

int hp_rule_mount_place(const struct hp_rule_subject *subject, struct hp_error *err) {
  return judge(subject, IS_PLACE, err);
}

int hp_rule_mount_root(const struct hp_rule_subject *subject, struct hp_error *err) {
  return judge(subject, IS_ROOT, err);
}

/* With symlink a mount is on Linux below the volume only, whatever its place. */
int hp_rule_mount_volume(const struct hp_rule_subject *subject, struct hp_error *err) {
  bool nowhere = subject->os == HP_OS_LINUX && hp_rule_behavior(subject) == HP_MOUNT_SYMLINK;
  return nowhere ? 0 : judge(subject, HOLDS_VOLUME, err);
}

int hp_rule_mount_twice(const struct hp_rule_subject *subject, struct hp_error *err) {
  return judge(subject, IS_TWICE, err);
}

/* With bind it depends on whether the outer one is a file. */
int hp_rule_mount_nested(const struct hp_rule_subject *subject, struct hp_error *err) {
  return hp_rule_behavior(subject) == HP_MOUNT_SYMLINK ? judge(subject, IS_NESTED, err) : 0;
}
