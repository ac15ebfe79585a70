/* Walks below a directory by handles, one component at a time, never through a
 * link: whoever filled the directory (an image) is not trusted, and the shim is
 * LocalSystem. Handles are not inheritable. All (pool). */
#ifndef HP_HOST_WINDOWS_WALK_H
#define HP_HOST_WINDOWS_WALK_H

#include <stdbool.h>
#include <windows.h>
#include <winternl.h>

#include "base/error.h"

/* A real directory of the host's, or a volume's root (`\\?\Volume{…}`); its
 * last component must be no link, what leads there is the host's own. */
int hp_walk_open_root(const wchar_t *path, HANDLE *root, struct hp_error *err);

enum hp_walk_open {
  HP_WALK_EXISTING, /* a file or a directory that is there */
  HP_WALK_DIRECTORY,
  HP_WALK_FILE,         /* these two are made where they are missing */
  HP_WALK_NEW_DIRECTORY /* must not be there yet: AlreadyExists */
};

/* One component. The handle may read and traverse, and others may do anything
 * with the file meanwhile. Errors: NotFound; FailedPrecondition: it is a link
 * (symbolic link, junction, mount point), or a file in place of a directory or
 * the reverse. *made (may be NULL): it was missing. */
int hp_walk_step(HANDLE directory, const wchar_t *name, enum hp_walk_open how, HANDLE *found, bool *made,
                 struct hp_error *err);

/* All but the last component of `relative` (backslashes between them), made
 * where missing if `make`; *leaf is the last one, borrowed from relative. */
int hp_walk_parent(HANDLE root, const wchar_t *relative, bool make, HANDLE *parent, const wchar_t **leaf,
                   struct hp_error *err);

/* The whole of relative; a directory or an empty file where nothing is. */
int hp_walk_make(HANDLE root, const wchar_t *relative, bool directory, struct hp_error *err);

/* One component as NtCreateFile sees it, a link itself and not where it leads;
 * for those who mean the link. Only where hp_winapi()->NtCreateFile is there. */
struct hp_walk_how {
  ACCESS_MASK access;
  ULONG kind;                    /* FILE_DIRECTORY_FILE, FILE_NON_DIRECTORY_FILE, 0: either */
  ULONG disposition;             /* FILE_OPEN, FILE_OPEN_IF, FILE_CREATE */
  PSECURITY_DESCRIPTOR security; /* of what is made; NULL: inherited */
};
NTSTATUS hp_walk_open_at(HANDLE directory, const wchar_t *name, const struct hp_walk_how *how, HANDLE *found,
                         bool *made);

/* What hp_walk_open_at failed with, as an error: FailedPrecondition for a file in place
 * of a directory or the reverse. Returns -1. */
int hp_walk_failed(NTSTATUS status, const wchar_t *name, struct hp_error *err);

/* FailedPrecondition if what the handle stands for is a link; name is for the message. */
int hp_walk_refuse_link(HANDLE file, const wchar_t *name, struct hp_error *err);

/* Deletes what the handle (opened with DELETE) stands for: a link itself, an empty directory, a file. */
int hp_walk_delete(HANDLE file, struct hp_error *err);

#endif
