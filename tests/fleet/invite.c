/* invite OWNER.key EXPERIMENT WORKER_KEY [EXPIRES_MS]: an invitation on stdout, signed by the owner's key file.
 * EXPERIMENT and WORKER_KEY are hexadecimal. */
#include "protocol/invite.h"
#include "runtime/keyfile.h"
#include "tests/fleet/stub.h"

int main(int argc, char **argv) {
    uint8_t secret[MDL_SECRET_BYTES], experiment[MDL_DIGEST_BYTES];
    char error[512], text[MDL_INVITE_BYTES_MAX + 1];
    mdl_msg_invite terms;
    memset(&terms, 0, sizeof terms);
    stub_check(argc >= 4 && sodium_init() >= 0, "usage: invite OWNER.key EXPERIMENT WORKER_KEY [EXPIRES_MS]");
    stub_check(mdl_keyfile_read(argv[1], secret, error, sizeof error) == MDL_OK, argv[1]);
    stub_check(mdl_unhex(argv[2], experiment, sizeof experiment) == MDL_OK, argv[2]);
    stub_check(mdl_unhex(argv[3], terms.worker, sizeof terms.worker) == MDL_OK, argv[3]);
    memcpy(terms.owner, secret + MDL_SECRET_BYTES - MDL_KEY_BYTES, MDL_KEY_BYTES);
    snprintf(terms.name, sizeof terms.name, "invited");
    terms.expires = argc > 4 ? strtoull(argv[4], NULL, 10) : 0;
    stub_check(mdl_invite_sign(experiment, &terms, secret, text) == MDL_OK, "sign");
    puts(text);
    return 0;
}
