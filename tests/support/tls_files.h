/* Two certificates for localhost, each its own authority, and the key of the
 * first. For tests alone: the key is public. Valid for a hundred years. */
#ifndef MDL_TESTS_TLS_FILES_H
#define MDL_TESTS_TLS_FILES_H

static const char tls_cert[] = "-----BEGIN CERTIFICATE-----\n"
                               "MIIBlDCCATugAwIBAgIUcslAhGnzwDuDawLbO6S8k9a9mt0wCgYIKoZIzj0EAwIw\n"
                               "FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMjA1NTIwNloYDzIxMjYxMDI5\n"
                               "MDU1MjA2WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO\n"
                               "PQMBBwNCAASnTEtEd9yQglRxAazrOO/1rz0qFhjAA+QBclOiCSLazlVi7jpMQ6xF\n"
                               "81VDXa8c4VCTp5l/QxhJvMQb16AbLYSgo2kwZzAdBgNVHQ4EFgQUdxezKNWhUUgh\n"
                               "1PWa2j1AWgnBfZcwHwYDVR0jBBgwFoAUdxezKNWhUUgh1PWa2j1AWgnBfZcwDwYD\n"
                               "VR0TAQH/BAUwAwEB/zAUBgNVHREEDTALgglsb2NhbGhvc3QwCgYIKoZIzj0EAwID\n"
                               "RwAwRAIgGLpGZuN71hmW7PKarO3DL0D+YdNItfK5EZf8Jx2b4oECIDifPLZl1oGM\n"
                               "xJlEApRuyh0ptBsPLWkwRsq/fxxlk4zo\n"
                               "-----END CERTIFICATE-----\n";

static const char tls_key[] = "-----BEGIN PRIVATE KEY-----\n"
                              "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgbDn23gqwXQB4N0nQ\n"
                              "1nr3p3ELYuxUmPaeMD6j7mDZg8+hRANCAASnTEtEd9yQglRxAazrOO/1rz0qFhjA\n"
                              "A+QBclOiCSLazlVi7jpMQ6xF81VDXa8c4VCTp5l/QxhJvMQb16AbLYSg\n"
                              "-----END PRIVATE KEY-----\n";

static const char tls_other_cert[] = "-----BEGIN CERTIFICATE-----\n"
                                     "MIIBljCCATugAwIBAgIUQAwX+yxxyL2+ZgszMT78WOQcG2gwCgYIKoZIzj0EAwIw\n"
                                     "FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMjA1NTIwNloYDzIxMjYxMDI5\n"
                                     "MDU1MjA2WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO\n"
                                     "PQMBBwNCAASj40XVPjCjcIUYvbADbNSpohmUrCJl1cZlk6AxQ1BtpseTPmOtpdeM\n"
                                     "s9Ue2Wkhl3MQRkXCjqigQGnJFt4YhmPoo2kwZzAdBgNVHQ4EFgQUHxqJE9aRHhij\n"
                                     "K0ebRZIBg1J0tu0wHwYDVR0jBBgwFoAUHxqJE9aRHhijK0ebRZIBg1J0tu0wDwYD\n"
                                     "VR0TAQH/BAUwAwEB/zAUBgNVHREEDTALgglsb2NhbGhvc3QwCgYIKoZIzj0EAwID\n"
                                     "SQAwRgIhAPPUW3lOWgeBzp2GwJZ5iPB5qlpDiHemPgF9gn9Dd+WBAiEAmTkPwUzQ\n"
                                     "gsDjkZGlJYvxvX/wbMT2JvcV/a3037f5avY=\n"
                                     "-----END CERTIFICATE-----\n";

#endif
