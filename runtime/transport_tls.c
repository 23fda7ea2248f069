#include "runtime/transport_tls.h"

#include <limits.h>
#include <mbedtls/error.h>
#include <mbedtls/ssl.h>
#include <mbedtls/x509_crt.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "runtime/file.h"
#include "runtime/transport_internal.h"

enum { FIRST_OUTPUT = 1024 };

struct mdl_tls_config {
    mbedtls_ssl_config ssl;
    mbedtls_x509_crt ca, own;
    mbedtls_pk_context key;
    char name[MDL_URL_MAX]; /* to find in the certificate; empty: none is compared */
};

struct mdl_tls {
    mbedtls_ssl_context ssl;
    const uint8_t *in; /* not read yet */
    size_t in_size;
    uint8_t *out;
    size_t out_size, out_capacity;
    int ready, failed, ended;
    const char *why;
};

static int random_bytes(void *ctx, unsigned char *out, size_t size) {
    (void)ctx;
    randombytes_buf(out, size);
    return 0;
}

/* ---- what connections share ---- */

static mdl_err read_pem(const char *path, uint8_t **bytes, size_t *size, char *error, size_t error_size) {
    mdl_err e = mdl_file_read(path, MDL_PEM_MAX, bytes, size, error, error_size);
    if (e == MDL_OK && strlen((const char *)*bytes) != *size) {
        free(*bytes);
        *bytes = NULL;
        snprintf(error, error_size, "%s is not a PEM file", path);
        return MDL_ESYNTAX;
    }
    return e;
}

/* mbedTLS' words, which are short. */
static const char *reason(int rv, char out[128]) {
    mbedtls_strerror(rv, out, 128);
    return out;
}

/* Certificates of a file; a NUL ends what mbedTLS takes for PEM. */
static mdl_err read_certificates(mbedtls_x509_crt *to, const char *path, char *error, size_t error_size) {
    uint8_t *pem;
    size_t size;
    char why[128];
    mdl_err e = read_pem(path, &pem, &size, error, error_size);
    if (e != MDL_OK) {
        return e;
    }
    int rv = mbedtls_x509_crt_parse(to, pem, size + 1);
    free(pem);
    if (rv == MBEDTLS_ERR_X509_ALLOC_FAILED) {
        snprintf(error, error_size, "out of memory for %s", path);
        return MDL_ENOMEM;
    }
    if (rv != 0) {
        snprintf(error, error_size, "%s holds no certificate in PEM form: %s", path,
                 rv > 0 ? "a part of it cannot be read" : reason(rv, why));
        return MDL_ESYNTAX;
    }
    return MDL_OK;
}

static mdl_err use_own(mdl_tls_config *c, const mdl_tls_files *files, char *error, size_t error_size) {
    uint8_t *pem;
    size_t size;
    char why[128];
    mdl_err e = read_certificates(&c->own, files->cert, error, error_size);
    if (e == MDL_OK) {
        e = read_pem(files->key, &pem, &size, error, error_size);
    }
    if (e != MDL_OK) {
        return e;
    }
    int rv = mbedtls_pk_parse_key(&c->key, pem, size + 1, NULL, 0);
    sodium_memzero(pem, size);
    free(pem);
    if (rv == 0) {
        rv = mbedtls_pk_check_pair(&c->own.pk, &c->key);
    }
    if (rv == 0) {
        rv = mbedtls_ssl_conf_own_cert(&c->ssl, &c->own, &c->key);
    }
    if (rv != 0) {
        snprintf(error, error_size, "%s and %s are no certificate with its key: %s", files->cert, files->key,
                 reason(rv, why));
        return MDL_ESYNTAX;
    }
    return MDL_OK;
}

/* Ephemeral keys and authenticated ciphers alone. */
static const int ciphers[] = {MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
                              MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
                              MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
                              MBEDTLS_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
                              MBEDTLS_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
                              MBEDTLS_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
                              0};

/* The fastest first: mbedTLS would begin with the slowest. */
static const mbedtls_ecp_group_id curves[] = {MBEDTLS_ECP_DP_SECP256R1, MBEDTLS_ECP_DP_CURVE25519,
                                              MBEDTLS_ECP_DP_SECP384R1, MBEDTLS_ECP_DP_SECP521R1, MBEDTLS_ECP_DP_NONE};

static mdl_err make_config(int end, int verify, const mdl_tls_files *files, mdl_tls_config **out, char *error,
                           size_t error_size) {
    *out = NULL;
    mdl_tls_config *c = calloc(1, sizeof *c);
    if (!c) {
        snprintf(error, error_size, "TLS cannot be set up: out of memory");
        return MDL_ENOMEM;
    }
    mbedtls_ssl_config_init(&c->ssl);
    mbedtls_x509_crt_init(&c->ca);
    mbedtls_x509_crt_init(&c->own);
    mbedtls_pk_init(&c->key);
    mdl_err e = MDL_OK;
    if (mbedtls_ssl_config_defaults(&c->ssl, end, MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT) != 0) {
        snprintf(error, error_size, "TLS cannot be set up: out of memory");
        e = MDL_ENOMEM;
    } else {
        mbedtls_ssl_conf_rng(&c->ssl, random_bytes, NULL);
        mbedtls_ssl_conf_authmode(&c->ssl, verify);
        mbedtls_ssl_conf_min_version(&c->ssl, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_3);
        mbedtls_ssl_conf_ciphersuites(&c->ssl, ciphers);
        mbedtls_ssl_conf_curves(&c->ssl, curves);
        mbedtls_ssl_conf_renegotiation(&c->ssl, MBEDTLS_SSL_RENEGOTIATION_DISABLED);
        if (end == MBEDTLS_SSL_IS_CLIENT) {
            mbedtls_ssl_conf_session_tickets(&c->ssl, MBEDTLS_SSL_SESSION_TICKETS_DISABLED);
        }
    }
    if (e == MDL_OK && files->cert) {
        e = use_own(c, files, error, error_size);
    }
    if (e == MDL_OK && files->ca) {
        e = read_certificates(&c->ca, files->ca, error, error_size);
        mbedtls_ssl_conf_ca_chain(&c->ssl, &c->ca, NULL);
    }
    if (e != MDL_OK) {
        mdl_tls_config_free(c);
        return e;
    }
    *out = c;
    return MDL_OK;
}

mdl_err mdl_tls_config_server(const mdl_tls_files *files, mdl_tls_config **out, char *error, size_t error_size) {
    *out = NULL;
    if (!files->cert || !files->key) {
        snprintf(error, error_size, "listening on tls+tcp needs a certificate file and its key file");
        return MDL_EKEY;
    }
    return make_config(MBEDTLS_SSL_IS_SERVER, files->ca ? MBEDTLS_SSL_VERIFY_REQUIRED : MBEDTLS_SSL_VERIFY_NONE, files,
                       out, error, error_size);
}

/* mbedTLS compares names with a certificate's DNS names alone. */
static int is_name(const char *host) {
    return strchr(host, ':') == NULL && strspn(host, "0123456789.") != strlen(host);
}

mdl_err mdl_tls_config_client(const mdl_tls_files *files, const char *url, mdl_tls_config **out, char *error,
                              size_t error_size) {
    *out = NULL;
    if (!files->ca) {
        snprintf(error, error_size, "dialling tls+tcp needs the file of the certificate to trust");
        return MDL_EKEY;
    }
    if (!files->cert != !files->key) {
        snprintf(error, error_size, "a certificate file and its key file go together");
        return MDL_EKEY;
    }
    char host[MDL_URL_MAX];
    mdl_err e = mdl_address_host(url, host, sizeof host);
    MDL_ASSERT(e == MDL_OK);
    if (is_name(host) && strlen(host) > MBEDTLS_SSL_MAX_HOST_NAME_LEN) {
        snprintf(error, error_size, "TLS cannot be set up for %s: the name is too long", host);
        return MDL_ESYNTAX;
    }
    e = make_config(MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_VERIFY_REQUIRED, files, out, error, error_size);
    if (e == MDL_OK && is_name(host)) {
        memcpy((*out)->name, host, strlen(host) + 1);
    }
    return e;
}

void mdl_tls_config_free(mdl_tls_config *c) {
    if (c) {
        mbedtls_ssl_config_free(&c->ssl);
        mbedtls_x509_crt_free(&c->ca);
        mbedtls_x509_crt_free(&c->own);
        mbedtls_pk_free(&c->key);
        free(c);
    }
}

/* ---- one connection ---- */

static int give(void *ctx, const unsigned char *bytes, size_t size) {
    mdl_tls *t = ctx;
    size = size < INT_MAX ? size : INT_MAX;
    if (t->out_capacity - t->out_size < size) {
        size_t capacity = t->out_capacity < FIRST_OUTPUT ? FIRST_OUTPUT : t->out_capacity * 2;
        while (capacity - t->out_size < size) {
            capacity *= 2;
        }
        uint8_t *more = realloc(t->out, capacity);
        if (!more) {
            return MBEDTLS_ERR_SSL_ALLOC_FAILED;
        }
        t->out = more;
        t->out_capacity = capacity;
    }
    memcpy(t->out + t->out_size, bytes, size);
    t->out_size += size;
    return (int)size;
}

static int take(void *ctx, unsigned char *out, size_t size) {
    mdl_tls *t = ctx;
    if (t->in_size == 0) {
        return MBEDTLS_ERR_SSL_WANT_READ;
    }
    size_t n = size < t->in_size ? size : t->in_size;
    memcpy(out, t->in, n);
    t->in += n;
    t->in_size -= n;
    return (int)n;
}

mdl_tls *mdl_tls_new(const mdl_tls_config *config) {
    mdl_tls *t = calloc(1, sizeof *t);
    if (!t) {
        return NULL;
    }
    t->why = "";
    mbedtls_ssl_init(&t->ssl);
    if (mbedtls_ssl_setup(&t->ssl, &config->ssl) != 0 ||
        (config->name[0] && mbedtls_ssl_set_hostname(&t->ssl, config->name) != 0)) {
        mdl_tls_free(t);
        return NULL;
    }
    mbedtls_ssl_set_bio(&t->ssl, t, give, take, NULL);
    return t;
}

void mdl_tls_free(mdl_tls *t) {
    if (t) {
        mbedtls_ssl_free(&t->ssl);
        free(t->out);
        free(t);
    }
}

void mdl_tls_receive(mdl_tls *t, const uint8_t *bytes, size_t size) {
    MDL_ASSERT(t->in_size == 0 || t->failed);
    t->in = bytes;
    t->in_size = size;
}

/* What is wrong with a certificate, the gravest first. */
static const char *certificate_why(const mdl_tls *t) {
    static const struct {
        uint32_t flag;
        const char *sentence;
    } faults[] = {
        {MBEDTLS_X509_BADCERT_MISSING, "the other side shows no certificate"},
        {MBEDTLS_X509_BADCERT_EXPIRED, "the other side's certificate has expired"},
        {MBEDTLS_X509_BADCERT_FUTURE, "the other side's certificate is not valid yet: is this clock right?"},
        {MBEDTLS_X509_BADCERT_NOT_TRUSTED, "the other side's certificate is not the one to trust"},
        {MBEDTLS_X509_BADCERT_CN_MISMATCH, "the other side's certificate is for another name"},
    };
    uint32_t flags = mbedtls_ssl_get_verify_result(&t->ssl);
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        if (flags & faults[i].flag) {
            return faults[i].sentence;
        }
    }
    return "the other side's certificate is not acceptable";
}

static const char *sentence(const mdl_tls *t, int rv) {
    switch (rv) {
    case 0:
    case MBEDTLS_ERR_SSL_CONN_EOF:
    case MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY:
        return "the other side closed the connection";
    case MBEDTLS_ERR_X509_CERT_VERIFY_FAILED:
        return certificate_why(t);
    case MBEDTLS_ERR_SSL_NO_CLIENT_CERTIFICATE:
        return "the other side shows no certificate";
    case MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE:
        return t->ready ? "the other side gave up TLS"
                        : "the other side refuses TLS with us: our certificate, or our version";
    case MBEDTLS_ERR_SSL_BAD_HS_PROTOCOL_VERSION:
        return "the other side speaks a TLS older than 1.2";
    case MBEDTLS_ERR_SSL_NO_CIPHER_CHOSEN:
    case MBEDTLS_ERR_SSL_NO_USABLE_CIPHERSUITE:
        return "the other side speaks no cipher of ours";
    case MBEDTLS_ERR_SSL_INVALID_RECORD:
    case MBEDTLS_ERR_SSL_UNEXPECTED_RECORD:
        return t->ready ? "the other side sent no TLS" : "the other side does not speak TLS";
    case MBEDTLS_ERR_SSL_INVALID_MAC:
        return "what the other side sent was changed on the way";
    case MBEDTLS_ERR_SSL_ALLOC_FAILED:
    case MBEDTLS_ERR_X509_ALLOC_FAILED:
        return "out of memory";
    default:
        return t->ready ? "the other side broke TLS" : "the other side does not agree on TLS";
    }
}

static int fail(mdl_tls *t, int rv) {
    if (!t->failed) {
        t->failed = 1;
        t->why = sentence(t, rv);
    }
    return -1;
}

int mdl_tls_handshake(mdl_tls *t) {
    if (t->failed) {
        return -1;
    }
    if (!t->ready) {
        int rv = mbedtls_ssl_handshake(&t->ssl);
        if (rv == MBEDTLS_ERR_SSL_WANT_READ || rv == MBEDTLS_ERR_SSL_WANT_WRITE) {
            return 0;
        }
        if (rv == MBEDTLS_ERR_SSL_NO_CLIENT_CERTIFICATE) { /* mbedTLS tells nobody */
            mbedtls_ssl_send_alert_message(&t->ssl, MBEDTLS_SSL_ALERT_LEVEL_FATAL,
                                           MBEDTLS_SSL_ALERT_MSG_HANDSHAKE_FAILURE);
        }
        if (rv != 0) {
            return fail(t, rv);
        }
        t->ready = 1;
    }
    return 1;
}

int mdl_tls_read(mdl_tls *t, uint8_t *out, size_t size) {
    MDL_ASSERT(t->ready && size > 0);
    if (t->failed) {
        return -1;
    }
    int rv = mbedtls_ssl_read(&t->ssl, out, size < INT_MAX ? size : INT_MAX);
    if (rv == MBEDTLS_ERR_SSL_WANT_READ || rv == MBEDTLS_ERR_SSL_WANT_WRITE) {
        return 0;
    }
    return rv > 0 ? rv : fail(t, rv);
}

int mdl_tls_write(mdl_tls *t, const uint8_t *bytes, size_t size) {
    MDL_ASSERT(t->ready);
    while (size > 0 && !t->failed) {
        int rv = mbedtls_ssl_write(&t->ssl, bytes, size);
        if (rv <= 0) { /* give() never asks to wait */
            return fail(t, rv);
        }
        bytes += rv;
        size -= (size_t)rv;
    }
    return t->failed ? -1 : 0;
}

void mdl_tls_end(mdl_tls *t) {
    if (t->ready && !t->failed && !t->ended) {
        t->ended = 1;
        mbedtls_ssl_close_notify(&t->ssl);
    }
}

uint8_t *mdl_tls_output(mdl_tls *t, size_t *size) {
    uint8_t *out = t->out_size > 0 ? t->out : NULL;
    *size = t->out_size;
    if (out) {
        t->out = NULL;
        t->out_size = t->out_capacity = 0;
    }
    return out;
}

const char *mdl_tls_why(const mdl_tls *t) { return t->why; }
