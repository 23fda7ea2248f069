/* Whom a verifier trusts, as a file (C2SP tlog-policy): logs, witnesses, groups of
 * witnesses, and the quorum that a checkpoint's cosignatures must reach. PROTOCOL
 * section 4.7.
 *
 *   # a comment
 *   log NAME+ID+BASE64 [URL]
 *   witness NAME VKEY [URL]
 *   group NAME K|any|all MEMBER...
 *   quorum NAME|none
 *
 * Lines end with a newline; words stand between spaces or tabs; empty lines and lines
 * that begin with `#` are nothing. Members are witnesses or groups named before. */
#ifndef MDL_PROTOCOL_TLOG_POLICY_H
#define MDL_PROTOCOL_TLOG_POLICY_H

#include <stddef.h>
#include <stdint.h>

#include "core/err.h"
#include "protocol/checkpoint.h"
#include "protocol/note.h"
#include "protocol/text_scan.h"

enum {
    MDL_POLICY_BYTES_MAX = 64 * 1024,
    MDL_POLICY_LOGS_MAX = 8,
    MDL_POLICY_GROUPS_MAX = 32,
    MDL_POLICY_MEMBERS_MAX = 32, /* of one group            */
    MDL_POLICY_NAME_MAX = 64     /* bytes of a member's name */
};

/* Members are numbered: witnesses from 0, groups from MDL_WITNESSES_MAX. */
typedef struct mdl_policy_group {
    char name[MDL_POLICY_NAME_MAX + 1];
    uint32_t needed, count; /* 1..count */
    uint8_t member[MDL_POLICY_MEMBERS_MAX];
} mdl_policy_group;

typedef struct mdl_tlog_policy {
    uint32_t logs, witnesses, groups;
    mdl_vkey log[MDL_POLICY_LOGS_MAX];
    mdl_vkey witness[MDL_WITNESSES_MAX];
    char witness_name[MDL_WITNESSES_MAX][MDL_POLICY_NAME_MAX + 1];
    mdl_policy_group group[MDL_POLICY_GROUPS_MAX];
    int quorum; /* a member's number; -1: none is asked for */
} mdl_tlog_policy;

/* Read a policy. MDL_OK; else the error, *line (from 1; 0: the whole file) and a
 * sentence in `error`:
 *   MDL_ESYNTAX    an unknown or malformed line, no `log`, no or two `quorum`s
 *   MDL_EKEY       a name or a public key that is there already, or a member that is not
 *   MDL_ETYPE      a key of the wrong type
 *   MDL_ERANGE     a threshold outside 1..members, a weak key
 *   MDL_EDIGEST    a key whose id is not its own
 *   MDL_ESIZE      over a limit above
 * Then `out` is zeroed. */
mdl_err mdl_tlog_policy_parse(mdl_text bytes, mdl_tlog_policy *out, uint32_t *line, char *error, size_t error_size);

/* A policy of the simple kind: one log and k of n witnesses. */
void mdl_tlog_policy_of(const mdl_log_policy *simple, mdl_tlog_policy *out);
/* Whether the quorum is reached by the witnesses that signed, in the policy's order. */
int mdl_tlog_policy_reached(const mdl_tlog_policy *policy, const mdl_note_seal signed_by[MDL_WITNESSES_MAX]);

/* mdl_checkpoint_verify() under a policy: a note of one of its logs, whose index goes
 * to *log (may be NULL). MDL_ENOENT: no log of the policy signed it, or the quorum is
 * not reached: then `seal`, which may be NULL, says who signed, and *out is set. */
mdl_err mdl_tlog_policy_verify(mdl_text note, const mdl_tlog_policy *policy, uint32_t *log, mdl_checkpoint *out,
                               mdl_checkpoint_seal *seal);

#endif
