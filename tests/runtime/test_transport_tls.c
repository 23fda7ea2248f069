/* TLS: whom it lets in, and what it says of the others. */
#include "tests/support/transport_peer.h"

#include <mbedtls/ssl.h>
#include <mbedtls/x509_crt.h>
#include <sodium.h>

static void test_tls(void **state) {
    (void)state;
    char cert[300], key[300];
    write_pem(cert, "cert.pem", tls_cert);
    write_pem(key, "key.pem", tls_key);
    mdl_tls_files server = {.cert = cert, .key = key}, client = {.ca = cert};
    exercise("tls+tcp://127.0.0.1:0", &server, &client, "localhost", "127.0.0.1:");
    exercise("tls+tcp://127.0.0.1:0", &server, &client, "127.0.0.1", "127.0.0.1:");
    /* Both show one. */
    server.ca = client.cert = cert;
    client.key = key;
    exercise("tls+tcp://127.0.0.1:0", &server, &client, "localhost", "127.0.0.1:");
}

static void test_tls_refused(void **state) {
    (void)state;
    char cert[300], key[300], other[300];
    write_pem(cert, "cert.pem", tls_cert);
    write_pem(key, "key.pem", tls_key);
    write_pem(other, "other.pem", tls_other_cert);
    mdl_tls_files server = {.cert = cert, .key = key}, client = {.ca = other}, none = {NULL, NULL, NULL};
    peer p;
    peer_init(&p);
    assert_int_equal(serve(&p, "tls+tcp://127.0.0.1:0", &none, 0), MDL_EKEY);
    assert_non_null(strstr(p.error, "certificate"));
    mdl_tls_files missing = {.cert = "no/such.pem", .key = key};
    assert_int_equal(serve(&p, "tls+tcp://127.0.0.1:0", &missing, 0), MDL_ENOENT);
    assert_non_null(strstr(p.error, "no/such.pem"));
    mdl_tls_files swapped = {.cert = key, .key = cert};
    assert_int_equal(serve(&p, "tls+tcp://127.0.0.1:0", &swapped, 0), MDL_ESYNTAX);

    assert_int_equal(serve(&p, "tls+tcp://127.0.0.1:0", &server, 0), MDL_OK);
    assert_int_equal(dial(&p, mdl_server_url(p.server, 0), &none, 4), MDL_EKEY);
    assert_int_equal(dial(&p, mdl_server_url(p.server, 0), &client, 4), MDL_OK);
    assert_int_equal(call_text(&p, 1, "secret", 1500), MDL_OK);
    UNTIL(&p, p.failures == 1);
    assert_int_equal(p.ups, 0);
    assert_int_equal(p.calls, 0);
    assert_non_null(strstr(mdl_client_trouble(p.client), "certificate"));
    peer_close(&p);
}

/* ---- other certificates ---- */

static int random_bytes(void *ctx, unsigned char *out, size_t size) {
    (void)ctx;
    randombytes_buf(out, size);
    return 0;
}

/* A certificate of the test's key, its own authority. Times are YYYYMMDDhhmmss. */
static void make_certificate(char path[300], const char *file, const char *subject, const char *from, const char *to) {
    unsigned char pem[4096];
    mbedtls_pk_context key;
    mbedtls_mpi serial;
    mbedtls_x509write_cert c;
    mbedtls_pk_init(&key);
    mbedtls_mpi_init(&serial);
    mbedtls_x509write_crt_init(&c);
    assert_int_equal(mbedtls_pk_parse_key(&key, (const unsigned char *)tls_key, sizeof tls_key, NULL, 0), 0);
    assert_int_equal(mbedtls_mpi_lset(&serial, 7), 0);
    mbedtls_x509write_crt_set_version(&c, MBEDTLS_X509_CRT_VERSION_3);
    mbedtls_x509write_crt_set_md_alg(&c, MBEDTLS_MD_SHA256);
    mbedtls_x509write_crt_set_subject_key(&c, &key);
    mbedtls_x509write_crt_set_issuer_key(&c, &key);
    assert_int_equal(mbedtls_x509write_crt_set_subject_name(&c, subject), 0);
    assert_int_equal(mbedtls_x509write_crt_set_issuer_name(&c, subject), 0);
    assert_int_equal(mbedtls_x509write_crt_set_serial(&c, &serial), 0);
    assert_int_equal(mbedtls_x509write_crt_set_validity(&c, from, to), 0);
    assert_int_equal(mbedtls_x509write_crt_set_basic_constraints(&c, 1, 0), 0);
    assert_int_equal(mbedtls_x509write_crt_pem(&c, pem, sizeof pem, random_bytes, NULL), 0);
    write_pem(path, file, (const char *)pem);
    mbedtls_x509write_crt_free(&c);
    mbedtls_mpi_free(&serial);
    mbedtls_pk_free(&key);
}

/* A client that dials the server as `host` never gets in, and says why. */
static void refused(const mdl_tls_files *server, const mdl_tls_files *client, const char *host, const char *why) {
    char target[MDL_URL_MAX];
    peer p;
    peer_init(&p);
    assert_int_equal(serve(&p, "tls+tcp://127.0.0.1:0", server, 0), MDL_OK);
    snprintf(target, sizeof target, "tls+tcp://%s%s", host, strrchr(mdl_server_url(p.server, 0), ':'));
    assert_int_equal(dial(&p, target, client, 1), MDL_OK);
    assert_int_equal(call_text(&p, 1, "secret", 400), MDL_OK);
    UNTIL(&p, strstr(mdl_client_trouble(p.client), why) != NULL); /* a handshake may take longer than the call waits */
    UNTIL(&p, p.failures == 1);
    assert_int_equal(p.ups, 0);
    assert_int_equal(p.calls, 0);
    peer_close(&p);
}

static void test_certificates(void **state) {
    (void)state;
    char cert[300], key[300], expired[300], future[300], elsewhere[300], other[300];
    write_pem(cert, "cert.pem", tls_cert);
    write_pem(key, "key.pem", tls_key);
    write_pem(other, "other.pem", tls_other_cert);
    make_certificate(expired, "expired.pem", "CN=localhost", "20200101000000", "20210101000000");
    make_certificate(future, "future.pem", "CN=localhost", "21200101000000", "21300101000000");
    make_certificate(elsewhere, "elsewhere.pem", "CN=elsewhere", "20200101000000", "21200101000000");
    refused(&(mdl_tls_files){.cert = expired, .key = key}, &(mdl_tls_files){.ca = expired}, "localhost", "has expired");
    refused(&(mdl_tls_files){.cert = future, .key = key}, &(mdl_tls_files){.ca = future}, "localhost", "not valid yet");
    refused(&(mdl_tls_files){.cert = elsewhere, .key = key}, &(mdl_tls_files){.ca = elsewhere}, "localhost",
            "for another name");
    refused(&(mdl_tls_files){.cert = cert, .key = key}, &(mdl_tls_files){.ca = other}, "127.0.0.1",
            "not the one to trust");
    /* The server asks for a certificate; we show none, or another. */
    refused(&(mdl_tls_files){.ca = cert, .cert = cert, .key = key}, &(mdl_tls_files){.ca = cert}, "localhost",
            "our certificate");
    refused(&(mdl_tls_files){.ca = other, .cert = cert, .key = key},
            &(mdl_tls_files){.ca = cert, .cert = cert, .key = key}, "localhost", "our certificate");
    /* By its address no name is compared. */
    mdl_tls_files server = {.cert = elsewhere, .key = key}, client = {.ca = elsewhere};
    exercise("tls+tcp://127.0.0.1:0", &server, &client, "127.0.0.1", "127.0.0.1:");
    /* A key that is not the certificate's. */
    peer p;
    peer_init(&p);
    assert_int_equal(serve(&p, "tls+tcp://127.0.0.1:0", &(mdl_tls_files){.cert = other, .key = key}, 0), MDL_ESYNTAX);
    assert_non_null(strstr(p.error, "no certificate with its key"));
    peer_close(&p);
}

/* ---- no TLS, or an old one ---- */

/* Send bytes and take what comes until the server closes; its size. */
static size_t provoke(peer *p, const uint8_t *bytes, size_t size, uint8_t *out, size_t room) {
    int fd = connect_raw(mdl_server_url(p->server, 0));
    assert_int_equal(send(fd, bytes, size, MSG_NOSIGNAL), (ssize_t)size);
    size_t used = 0;
    for (uint32_t i = 0;; i++) {
        assert_true(i < PATIENCE_MS / 5);
        run_ms(p, 5);
        ssize_t got = recv(fd, out + used, room - used, MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno == ECONNRESET)) {
            break;
        }
        used += got > 0 ? (size_t)got : 0;
    }
    close(fd);
    return used;
}

static void test_not_tls(void **state) {
    (void)state;
    static const uint8_t http[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    static const uint8_t greeting[] = {0, 'S', 'P', 0, 0, 0x30, 0, 0};
    static const uint8_t huge[] = {22, 3, 3, 0xff, 0xff, 1, 0, 0, 4}; /* a record of 65,535 bytes    */
    static const uint8_t vast[] = {22, 3, 1, 0, 9, 1, 0xff, 0xff, 0xff, 3, 3, 0, 0, 0}; /* a hello of 16 MiB   */
    static const uint8_t early[] = {23, 3, 3, 0, 4, 'd', 'a', 't', 'a'};                /* content before a handshake */
    const struct {
        const uint8_t *bytes;
        size_t size;
    } junk[] = {{http, sizeof http - 1},
                {greeting, sizeof greeting},
                {huge, sizeof huge},
                {vast, sizeof vast},
                {early, sizeof early}};
    const char *address = "tls+tcp://127.0.0.1:0";
    char plain[MDL_URL_MAX];
    uint8_t answer[256];
    peer p, q;
    peer_init(&p);
    peer_init(&q);
    assert_int_equal(serve(&p, address, tls_for(address, 1), 0), MDL_OK);
    for (size_t i = 0; i < sizeof junk / sizeof junk[0]; i++) {
        provoke(&p, junk[i].bytes, junk[i].size, answer, sizeof answer);
    }
    /* A client without TLS, and a server without it. */
    snprintf(plain, sizeof plain, "tcp%s", strchr(mdl_server_url(p.server, 0), ':'));
    assert_int_equal(dial(&p, plain, NULL, 1), MDL_OK);
    assert_int_equal(call_text(&p, 1, "plain", 300), MDL_OK);
    UNTIL(&p, p.failures == 1);
    assert_int_equal(p.ups, 0);
    close_client(&p);
    assert_int_equal(serve(&q, "tcp://127.0.0.1:0", NULL, 0), MDL_OK);
    snprintf(plain, sizeof plain, "tls+%s", mdl_server_url(q.server, 0));
    assert_int_equal(dial(&q, plain, tls_for(address, 0), 1), MDL_OK);
    assert_int_equal(call_text(&q, 1, "secret", 300), MDL_OK);
    UNTIL(&q, strcmp(mdl_client_trouble(q.client), "the other side does not speak TLS") == 0);
    UNTIL(&q, q.failures == 1);
    peer_close(&q);
    /* The server still serves. */
    assert_int_equal(dial(&p, mdl_server_url(p.server, 0), tls_for(address, 0), 1), MDL_OK);
    assert_int_equal(call_text(&p, 2, "fine", PATIENCE_MS), MDL_OK);
    UNTIL(&p, p.replies == 1);
    assert_int_equal(p.calls, 1);
    peer_close(&p);
}

typedef struct hello {
    uint8_t bytes[1024];
    size_t size;
} hello;

static int keep(void *ctx, const unsigned char *bytes, size_t size) {
    hello *h = ctx;
    assert_true(size <= sizeof h->bytes - h->size);
    memcpy(h->bytes + h->size, bytes, size);
    h->size += size;
    return (int)size;
}

static int nothing(void *ctx, unsigned char *out, size_t size) {
    (void)ctx;
    (void)out;
    (void)size;
    return MBEDTLS_ERR_SSL_WANT_READ;
}

/* The first words of clients of TLS 1.0, 1.1 and 1.2: the old ones hear why not. */
static void test_old_versions(void **state) {
    (void)state;
    const char *address = "tls+tcp://127.0.0.1:0";
    peer p;
    peer_init(&p);
    assert_int_equal(serve(&p, address, tls_for(address, 1), 0), MDL_OK);
    for (int minor = MBEDTLS_SSL_MINOR_VERSION_1; minor <= MBEDTLS_SSL_MINOR_VERSION_3; minor++) {
        hello h = {.size = 0};
        mbedtls_ssl_context ssl;
        mbedtls_ssl_config config;
        mbedtls_ssl_init(&ssl);
        mbedtls_ssl_config_init(&config);
        assert_int_equal(mbedtls_ssl_config_defaults(&config, MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_STREAM,
                                                     MBEDTLS_SSL_PRESET_DEFAULT),
                         0);
        mbedtls_ssl_conf_authmode(&config, MBEDTLS_SSL_VERIFY_NONE);
        mbedtls_ssl_conf_rng(&config, random_bytes, NULL);
        mbedtls_ssl_conf_min_version(&config, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_1);
        mbedtls_ssl_conf_max_version(&config, MBEDTLS_SSL_MAJOR_VERSION_3, minor);
        assert_int_equal(mbedtls_ssl_setup(&ssl, &config), 0);
        mbedtls_ssl_set_bio(&ssl, &h, keep, nothing, NULL);
        assert_int_equal(mbedtls_ssl_handshake(&ssl), MBEDTLS_ERR_SSL_WANT_READ);
        assert_true(h.size > 40);
        if (minor < MBEDTLS_SSL_MINOR_VERSION_3) {
            static const uint8_t alert[] = {2, 70}; /* fatal, protocol_version */
            uint8_t answer[64];
            assert_int_equal(provoke(&p, h.bytes, h.size, answer, sizeof answer), 7);
            assert_int_equal(answer[0], 21);
            assert_memory_equal(answer + 5, alert, sizeof alert);
        } else {
            uint8_t first = 0;
            int fd = connect_raw(mdl_server_url(p.server, 0));
            assert_int_equal(send(fd, h.bytes, h.size, MSG_NOSIGNAL), (ssize_t)h.size);
            for (uint32_t i = 0; i < 500 && recv(fd, &first, 1, MSG_DONTWAIT) != 1; i++) {
                run_ms(&p, 5);
            }
            assert_int_equal(first, 22); /* a server hello */
            close(fd);
        }
        mbedtls_ssl_free(&ssl);
        mbedtls_ssl_config_free(&config);
    }
    peer_close(&p);
}

int main(int argc, char **argv) {
    if (argc > 1) {
        cmocka_set_test_filter(argv[1]);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tls),     cmocka_unit_test(test_tls_refused),  cmocka_unit_test(test_certificates),
        cmocka_unit_test(test_not_tls), cmocka_unit_test(test_old_versions),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
