/* Kubernetes' quantities ("1.5Gi", "100m", "2e3"), computed exactly. */
#ifndef HP_SPEC_QUANTITY_H
#define HP_SPEC_QUANTITY_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define HP_QUANTITY_LENGTH_MAX 64u

/* text × 10^scale, rounded up, at most INT64_MAX. false: no quantity, or one
 * below zero. */
bool hp_quantity_parse(const char *text, unsigned scale, int64_t *value);
/* The same of a string or a number, as manifests have both. */
bool hp_quantity_read(const json_t *json, unsigned scale, int64_t *value);

#endif
