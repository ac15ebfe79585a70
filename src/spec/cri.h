/* The messages of Kubernetes' container runtime interface (CRI) that say how a
 * pod is to be made, as containerd's Sandbox service gets them (protobuf) and as
 * crictl's files hold them (JSON). There is one reader, and it reads JSON:
 * protobuf is turned into it by its field names, so both forms are judged alike
 * and an error names the same field. Any thread. */
#ifndef HP_SPEC_CRI_H
#define HP_SPEC_CRI_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "spec/spec.h"

/* Bytes of a message in either form. kubelet bounds annotations, the one part of
 * any size, to 256 KiB. */
#define HP_CRI_MAX (1u << 20)

#define HP_CRI_POD_TYPE "runtime.v1.PodSandboxConfig"

/* Of sections "linux" and "windows" one is read: *os's, or with os NULL that which
 * is there; with both, as kubelet writes them on Windows, or none, that of the system
 * that this is. */

/* A PodSandboxConfig → the specification of a sandbox (HP_ROLE_SANDBOX). Errors:
 * InvalidArgument, naming the field ("windows.security_context.host_process").
 *
 * hostprocess is what windows.security_context says, where the config speaks to
 * Windows and has one; a pod's annotation cannot make it a HostProcess pod then.
 * Else it is the annotation's. process.username is the pod's run_as_username,
 * which kubelet writes into each container too: the sandbox itself has no
 * process. */
int hp_cri_pod_parse(const char *data, size_t length, const enum hp_os *os, struct hp_container_spec *spec,
                     struct hp_error *err);
int hp_cri_pod_unpack(const uint8_t *data, size_t length, struct hp_container_spec *spec,
                      struct hp_error *err);

/* A ContainerConfig → the specification of a container (HP_ROLE_MEMBER), as
 * containerd would write it; what the image adds is not known (image_program).
 * (cri_container.c) */
int hp_cri_container_parse(const char *data, size_t length, const enum hp_os *os,
                           struct hp_container_spec *spec, struct hp_error *err);

#endif
