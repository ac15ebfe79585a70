/* Specifications made up at random, for what has to hold of every one of them.
 * Most parts of each are right and a few are wrong, so that about as many are
 * accepted as refused, for every kind of reason. The same seed gives the same. */
#ifndef HP_TESTS_UNIT_GENERATED_SPEC_H
#define HP_TESTS_UNIT_GENERATED_SPEC_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "spec/spec.h"

struct generator {
  uint64_t state;      /* the seed, and where it has come to */
  enum hp_os os;       /* whose sections and paths */
  const char *scratch; /* where generator_lay_out has put files; with slashes */
  const char *token;   /* in names that are the machine's, so that no other run has them */
  /* Of the last one: something in it is known to be wrong only when it is made,
   * such as a processor that the machine lacks. */
  bool late;
};

/* From 0 to count - 1. */
unsigned generator_pick(struct generator *g, unsigned count);

/* A config.json of this role, a member's of the sandbox "sandbox"; owned. */
char *generate_config(struct generator *g, enum hp_role role);
/* A PodSandboxConfig of the CRI; owned. */
char *generate_pod_config(struct generator *g);

/* A node policy, mostly one that allows everything; owned. */
char *generate_policy(struct generator *g);

/* The files and directories that specifications name, below g->scratch:
 * bundle/rootfs, sources/{data,file} and places/{there,file}. What each system has
 * in a way of its own is the caller's: "socket", the links "sources/link" to
 * "data" and "places/link" to "linked", the groups "hpc-group" and "größe", the
 * user "joe". */
void generator_lay_out(const struct generator *g);
void generator_clear_away(const struct generator *g);
/* "PATH (TYPE)" of each of them, and of all that there is below. */
void generator_list(const struct generator *g, struct hp_strings *lines);
void generator_list_tree(const char *path, struct hp_strings *lines); /* of any; none if it is not there */

#endif
