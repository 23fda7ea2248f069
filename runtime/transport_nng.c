#include "runtime/transport_nng.h"

#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "runtime/file.h"

mdl_err mdl_mailbox_open(mdl_mailbox *m, uv_loop_t *loop, uv_async_cb deliver, void *owner) {
    if (uv_mutex_init(&m->lock) != 0) {
        return MDL_ENOMEM;
    }
    if (uv_async_init(loop, &m->wake, deliver) != 0) {
        uv_mutex_destroy(&m->lock);
        return MDL_EIO;
    }
    m->wake.data = owner;
    m->first = NULL;
    m->last = &m->first;
    m->dead = 0;
    return MDL_OK;
}

void mdl_mailbox_post(mdl_mailbox *m, mdl_post *post) {
    uv_mutex_lock(&m->lock);
    if (!post->queued) {
        post->queued = 1;
        post->next = NULL;
        *m->last = post;
        m->last = &post->next;
    }
    if (!m->dead) {
        uv_async_send(&m->wake);
    }
    uv_mutex_unlock(&m->lock);
}

mdl_post *mdl_mailbox_take(mdl_mailbox *m) {
    uv_mutex_lock(&m->lock);
    mdl_post *post = m->first;
    if (post) {
        m->first = post->next;
        if (!m->first) {
            m->last = &m->first;
        }
        post->queued = 0;
    }
    uv_mutex_unlock(&m->lock);
    return post;
}

/* ---- closing ---- */

typedef struct job {
    mdl_teardown what;
    uv_async_t done;
    uv_timer_t patience;
    uv_mutex_t lock; /* guards the two marks */
    int finished, given_up;
    uint32_t handles;
} job;

static void *tear_down(void *arg) {
    job *j = arg;
    j->what.stop(j->what.owner);
    uv_mutex_lock(&j->lock);
    j->finished = 1;
    if (!j->given_up) {
        uv_async_send(&j->done);
    }
    uv_mutex_unlock(&j->lock);
    return NULL;
}

static void job_handle_closed(uv_handle_t *handle) {
    job *j = handle->data;
    if (--j->handles > 0) {
        return;
    }
    mdl_teardown what = j->what;
    if (!j->given_up) {
        uv_mutex_destroy(&j->lock);
        uv_mutex_destroy(&what.mailbox->lock);
        what.released(what.owner);
        free(j);
    }
    if (what.closed) {
        what.closed(what.ctx);
    }
}

static void wake_closed(uv_handle_t *wake) {
    job *j = wake->data;
    job_handle_closed((uv_handle_t *)&j->done);
}

static void end_job(job *j) {
    mdl_mailbox *m = j->what.mailbox;
    uv_mutex_lock(&m->lock);
    m->dead = 1;
    uv_mutex_unlock(&m->lock);
    m->wake.data = j;
    uv_close((uv_handle_t *)&m->wake, wake_closed);
    uv_close((uv_handle_t *)&j->done, job_handle_closed);
    uv_close((uv_handle_t *)&j->patience, job_handle_closed);
}

static void torn_down(uv_async_t *done) {
    if (!uv_is_closing((uv_handle_t *)done)) {
        end_job(done->data);
    }
}

static void give_up(uv_timer_t *patience) {
    job *j = patience->data;
    uv_mutex_lock(&j->lock);
    j->given_up = !j->finished;
    uv_mutex_unlock(&j->lock);
    if (j->given_up) {
        end_job(j);
    } /* else torn_down() comes */
}

void mdl_teardown_begin(const mdl_teardown *what) {
    job *j = calloc(1, sizeof *j);
    uv_loop_t *loop = what->mailbox->wake.loop;
    pthread_t thread;
    pthread_attr_t detached;
    MDL_ASSERT(j && uv_mutex_init(&j->lock) == 0 && uv_async_init(loop, &j->done, torn_down) == 0);
    uv_timer_init(loop, &j->patience);
    j->what = *what;
    j->handles = 3;
    j->done.data = j->patience.data = j;
    uv_timer_start(&j->patience, give_up, MDL_CLOSE_MS, 0);
    MDL_ASSERT(pthread_attr_init(&detached) == 0);
    MDL_ASSERT(pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED) == 0);
    MDL_ASSERT(pthread_create(&thread, &detached, tear_down, j) == 0);
    pthread_attr_destroy(&detached);
}

mdl_err mdl_err_of_nng(int rv) {
    switch (rv) {
    case 0:
        return MDL_OK;
    case NNG_ENOMEM:
        return MDL_ENOMEM;
    case NNG_EADDRINVAL:
    case NNG_EINVAL:
        return MDL_ESYNTAX;
    default:
        return MDL_EIO;
    }
}

/* ---- TLS ---- */

static mdl_err read_pem(const char *path, uint8_t **bytes, char *error, size_t error_size) {
    size_t size;
    mdl_err e = mdl_file_read(path, MDL_KEEP_SECRET_MAX, bytes, &size, error, error_size);
    if (e == MDL_OK && strlen((const char *)*bytes) != size) {
        free(*bytes);
        *bytes = NULL;
        snprintf(error, error_size, "%s is not a PEM file", path);
        return MDL_ESYNTAX;
    }
    return e;
}

static mdl_err use_ca(nng_tls_config *config, const char *path, char *error, size_t error_size) {
    uint8_t *pem;
    mdl_err e = read_pem(path, &pem, error, error_size);
    if (e != MDL_OK) {
        return e;
    }
    int rv = nng_tls_config_ca_chain(config, (const char *)pem, NULL);
    free(pem);
    if (rv != 0) {
        snprintf(error, error_size, "%s holds no certificate in PEM form: %s", path, nng_strerror(rv));
        return MDL_ESYNTAX;
    }
    return MDL_OK;
}

static mdl_err use_own(nng_tls_config *config, const char *cert_path, const char *key_path, char *error,
                       size_t error_size) {
    uint8_t *cert, *key;
    mdl_err e = read_pem(cert_path, &cert, error, error_size);
    if (e != MDL_OK) {
        return e;
    }
    e = read_pem(key_path, &key, error, error_size);
    if (e == MDL_OK) {
        int rv = nng_tls_config_own_cert(config, (const char *)cert, (const char *)key, NULL);
        if (rv != 0) {
            snprintf(error, error_size, "%s and %s are no certificate with its key: %s", cert_path, key_path,
                     nng_strerror(rv));
            e = MDL_ESYNTAX;
        }
        sodium_memzero(key, strlen((const char *)key));
        free(key);
    }
    free(cert);
    return e;
}

/* What both sides share. On failure *out is NULL. */
static mdl_err make_config(nng_tls_mode mode, nng_tls_auth_mode auth, const mdl_tls_files *files, nng_tls_config **out,
                           char *error, size_t error_size) {
    *out = NULL;
    nng_tls_config *config;
    int rv = nng_tls_config_alloc(&config, mode);
    if (rv != 0) {
        snprintf(error, error_size, "TLS cannot be set up%s: %s",
                 rv == NNG_ENOTSUP ? " (tls+tcp needs an nng built with TLS)" : "", nng_strerror(rv));
        return mdl_err_of_nng(rv);
    }
    mdl_err e = MDL_OK;
    if ((rv = nng_tls_config_auth_mode(config, auth)) != 0 ||
        (rv = nng_tls_config_version(config, NNG_TLS_1_2, NNG_TLS_1_3)) != 0) {
        snprintf(error, error_size, "TLS cannot be set up: %s", nng_strerror(rv));
        e = mdl_err_of_nng(rv);
    }
    if (e == MDL_OK && files->cert) {
        e = use_own(config, files->cert, files->key, error, error_size);
    }
    if (e == MDL_OK && files->ca) {
        e = use_ca(config, files->ca, error, error_size);
    }
    if (e != MDL_OK) {
        nng_tls_config_free(config);
        return e;
    }
    *out = config;
    return MDL_OK;
}

mdl_err mdl_tls_config_server(const mdl_tls_files *files, nng_tls_config **out, char *error, size_t error_size) {
    *out = NULL;
    if (!files->cert || !files->key) {
        snprintf(error, error_size, "listening on tls+tcp needs a certificate file and its key file");
        return MDL_EKEY;
    }
    return make_config(NNG_TLS_MODE_SERVER, files->ca ? NNG_TLS_AUTH_MODE_REQUIRED : NNG_TLS_AUTH_MODE_NONE, files, out,
                       error, error_size);
}

/* mbedTLS compares names with a certificate's DNS names alone. */
static int is_name(const char *host) {
    return strchr(host, ':') == NULL && strspn(host, "0123456789.") != strlen(host);
}

mdl_err mdl_tls_config_client(const mdl_tls_files *files, const char *url, nng_tls_config **out, char *error,
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
    e = make_config(NNG_TLS_MODE_CLIENT, NNG_TLS_AUTH_MODE_REQUIRED, files, out, error, error_size);
    if (e == MDL_OK && is_name(host)) {
        int rv = nng_tls_config_server_name(*out, host);
        if (rv != 0) {
            snprintf(error, error_size, "TLS cannot be set up for %s: %s", host, nng_strerror(rv));
            nng_tls_config_free(*out);
            *out = NULL;
            return mdl_err_of_nng(rv);
        }
    }
    return e;
}
