/* Fraud proofs checked to the end: what the file alone shows (protocol/fraud.h), a
 * result computed again, and what only the ledger can say. PROTOCOL section 9.7. */
#ifndef MDL_AUDIT_VERIFY_PROOF_H
#define MDL_AUDIT_VERIFY_PROOF_H

#include "audit/audit.h"
#include "protocol/fraud.h"

/* Check a proof.
 *   log     the trusted verifier key, or NULL: the one in the file
 *   source  the ledger, for `rule` and `withheld`; NULL: none at hand
 * MDL_OK with the verdict, MDL_FRAUD_LEDGER when a source is missing; MDL_ENOMEM; what the
 * source fails with (MDL_EIO), with a sentence. */
mdl_err mdl_verify_proof(const mdl_fraud *f, const mdl_vkey *log, const mdl_audit_source *source,
                         mdl_fraud_finding *out, char *error, size_t error_size);

#endif
