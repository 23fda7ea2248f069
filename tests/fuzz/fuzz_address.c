/* Addresses that a user gives. Those of coordinators: what is taken is, printed again with its key, taken as the same;
 * its host, its port and its news' address follow from it. Those of HTTP: host, port and path are texts that fit. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "protocol/digest.h"
#include "runtime/http_client.h"
#include "runtime/transport_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { KEY_HEX = 65, SENTENCE = 512 };

static void check_port(const char *url, const char *news) {
    char host[MDL_URL_MAX], again[MDL_URL_MAX];
    int32_t port = mdl_address_port(url);
    MDL_ASSERT(port >= 0 && port < 65535 && mdl_address_port(news) == (port ? port + 1 : 0));
    MDL_ASSERT(mdl_address_host(url, host, sizeof host) == MDL_OK && strlen(host) > 0 && strstr(url, host));
    MDL_ASSERT(mdl_address_host(url, host, strlen(host)) == MDL_ESIZE);
    MDL_ASSERT(mdl_address_with_port(url, (uint32_t)port, again) == MDL_OK && mdl_address_port(again) == port);
}

static void check_address(const char *text) {
    char url[MDL_URL_MAX], news[MDL_URL_MAX], url2[MDL_URL_MAX], news2[MDL_URL_MAX], error[SENTENCE] = "";
    char whole[MDL_URL_MAX + KEY_HEX + 1], hex[KEY_HEX];
    uint8_t key[32], key2[32];
    int has_key, has_key2;
    mdl_err err = mdl_address_parse(text, url, news, key, &has_key, error, sizeof error);
    if (err != MDL_OK) {
        MDL_ASSERT(error[0] != 0 && strlen(error) < sizeof error - 1);
        return;
    }
    mdl_scheme scheme = mdl_address_scheme(url);
    if (scheme != MDL_IPC)
        check_port(url, news);
    mdl_hex(key, sizeof key, hex);
    snprintf(whole, sizeof whole, "%s%s%s", url, has_key ? "#" : "", has_key ? hex : "");
    MDL_ASSERT(strcmp(whole, text) == 0);
    MDL_ASSERT(mdl_address_parse(whole, url2, news2, key2, &has_key2, error, sizeof error) == MDL_OK);
    MDL_ASSERT(strcmp(url, url2) == 0 && strcmp(news, news2) == 0 && has_key == has_key2);
    MDL_ASSERT(memcmp(key, key2, sizeof key) == 0);
}

static void check_http(const char *text) {
    mdl_http_client c;
    char error[SENTENCE + MDL_HTTP_URL_MAX] = "";
    mdl_err err = mdl_http_client_init(&c, text, error, sizeof error);
    if (err != MDL_OK) {
        MDL_ASSERT(error[0] != 0);
        return;
    }
    MDL_ASSERT(c.fd == -1 && strlen(c.host) > 0 && strlen(c.host) < sizeof c.host);
    MDL_ASSERT(strlen(c.port) < sizeof c.port && strlen(c.authority) < sizeof c.authority);
    MDL_ASSERT(c.prefix[0] == 0 || (c.prefix[0] == '/' && c.prefix[strlen(c.prefix) - 1] != '/'));
    for (const char *at = c.prefix; *at; at++) /* nothing that would end a request's line */
        MDL_ASSERT(*at != ' ' && *at != '\r' && *at != '\n');
    for (const char *at = c.authority; *at; at++)
        MDL_ASSERT(*at != ' ' && *at != '\r' && *at != '\n');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1);
    MDL_ASSERT(text);
    if (size > 0)
        memcpy(text, data, size);
    text[size] = 0;
    check_address(text);
    check_http(text);
    free(text);
    return 0;
}
