#include "spec/account.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"
#include "spec/text.h"

#define DOMAIN_MAX 255u /* characters */
#define USER_MAX 104u

static const char forbidden[] = "\"/\\[]:;|=,+*?<>";

struct well_known {
  const char *name;
  enum hp_account_kind kind;
};

static const struct well_known services[] = {
    {"SYSTEM", HP_ACCOUNT_SYSTEM},
    {"LocalSystem", HP_ACCOUNT_SYSTEM},
    {"Local System", HP_ACCOUNT_SYSTEM},
    {"S-1-5-18", HP_ACCOUNT_SYSTEM},
    {"LocalService", HP_ACCOUNT_LOCAL_SERVICE},
    {"Local Service", HP_ACCOUNT_LOCAL_SERVICE},
    {"S-1-5-19", HP_ACCOUNT_LOCAL_SERVICE},
    {"NetworkService", HP_ACCOUNT_NETWORK_SERVICE},
    {"Network Service", HP_ACCOUNT_NETWORK_SERVICE},
    {"S-1-5-20", HP_ACCOUNT_NETWORK_SERVICE},
};

/* To Windows "root" is a name as any other. */
static const struct well_known *find_service(enum hp_os os, const char *name) {
  if (os == HP_OS_LINUX && hp_text_same(name, "root"))
    return &services[0];
  for (size_t i = 0; i < sizeof services / sizeof services[0]; i++)
    if (hp_text_same(name, services[i].name))
      return &services[i];
  return NULL;
}

static int refuse(const char *username, struct hp_error *err, const char *rule) {
  bool long_name = strlen(username) > 400;
  return hp_error_set(err, HP_INVALID_ARGUMENT, "runAsUserName \"%.400s%s\" %s", username,
                      long_name ? "..." : "", rule);
}

static bool only_dots_and_spaces(const char *text) {
  return text[strspn(text, ". ")] == 0;
}

static bool is_local_domain(const char *domain) {
  return !domain || hp_text_same(domain, "NT AUTHORITY") || hp_text_same(domain, "BUILTIN") ||
         strcmp(domain, ".") == 0;
}

static int check_domain(const char *username, const char *domain, struct hp_error *err) {
  if (!*domain)
    return refuse(username, err, "has nothing before the backslash: write DOMAIN\\name, .\\name or name");
  if (hp_text_characters(domain) > DOMAIN_MAX)
    return refuse(username, err, "has a domain of more than 255 characters: shorten it");
  if (strcmp(domain, ".") != 0 && (only_dots_and_spaces(domain) || strpbrk(domain, forbidden)))
    return refuse(username, err,
                  "has a domain that Windows forbids: it must not hold any of \" / [ ] : ; | = , + * ? < > "
                  "and not only dots and spaces");
  return 0;
}

static int check_name(const char *username, const char *name, struct hp_error *err) {
  if (!*name)
    return refuse(username, err, "has no name after the backslash: write DOMAIN\\name");
  if (hp_text_characters(name) > USER_MAX)
    return refuse(username, err, "has a name of more than 104 characters: shorten it");
  if (only_dots_and_spaces(name))
    return refuse(username, err, "is only dots and spaces: name an account or a local group");
  if (strpbrk(name, forbidden))
    return refuse(
        username, err,
        "has a character that Windows forbids in names: remove any of \" / [ ] : ; | = , + * ? < >");
  if (hp_text_same(name, "ContainerUser") || hp_text_same(name, "ContainerAdministrator"))
    return refuse(
        username, err,
        "exists only inside ordinary containers (it is the image's USER when the pod names nobody): "
        "set runAsUserName to NT AUTHORITY\\SYSTEM, Local service, NetworkService or a local group");
  return 0;
}

int hp_account_parse(enum hp_os os, const char *username, struct hp_account *account, struct hp_error *err) {
  *account = (struct hp_account){0};
  if (!username || !*username)
    return hp_error_set(
        err, HP_INVALID_ARGUMENT,
        "runAsUserName is empty: set it to NT AUTHORITY\\SYSTEM, Local service, NetworkService "
        "or a local group, or set annotation microsoft.com/hostprocess-inherit-user to \"true\"");
  if (hp_text_has_control(username))
    return refuse(username, err, "has control characters: remove them");
  const char *backslash = strchr(username, '\\');
  if (backslash && strchr(backslash + 1, '\\'))
    return refuse(username, err, "has more than one backslash: write DOMAIN\\name");

  char *domain = backslash ? hp_strndup(username, (size_t)(backslash - username)) : NULL;
  const char *name = backslash ? backslash + 1 : username;
  if ((domain && check_domain(username, domain, err) != 0) || check_name(username, name, err) != 0) {
    free(domain);
    return -1;
  }
  const struct well_known *service = is_local_domain(domain) ? find_service(os, name) : NULL;
  if (service) {
    account->kind = service->kind;
    free(domain);
    return 0;
  }
  *account = (struct hp_account){.kind = HP_ACCOUNT_NAMED, .domain = domain, .name = hp_strdup(name)};
  return 0;
}

bool hp_account_is_managed(const struct hp_account *account) {
  size_t length = account->name ? strlen(account->name) : 0;
  return account->domain && !is_local_domain(account->domain) && length > 0 &&
         account->name[length - 1] == '$';
}

void hp_account_clear(struct hp_account *account) {
  free(account->domain);
  free(account->name);
  *account = (struct hp_account){0};
}
