/*
 * scheme_x509 - certificates that say whose key has signed
 *
 * RFC 5280, by OpenSSL alone.  With `secret_encoding = certificate` a secret is
 * what is trusted: certificates in PEM or one in DER, of signers or of
 * authorities above them; `sha256:HEX`, the fingerprint of such a certificate
 * that the sender brings along; or `system-ca`, the authorities this system
 * trusts.  A public key in PEM may stand in for a certificate, too.
 *
 * A signer's certificate must be valid at the time of the request, may sign by
 * its key usage, has a key that fits the scheme, one of the names of
 * `certificate_name` and the extension that `certificate_oid` asks for; one
 * that is not trusted itself leads to one that is, by at most
 * SCHEME_X509_CHAIN_MAX certificates, none of them signed with SHA-1.
 * Revocation is not looked at: it would take the network.
 */

#ifndef SHARED_SCHEME_X509_H
#define SHARED_SCHEME_X509_H

#include <openssl/x509.h>

#include "scheme_impl.h"

enum {
	SCHEME_X509_CHAIN_MAX = 5, /* certificates that a sender brings along */
	SCHEME_X509_SIZE_MAX = 8192,  /* bytes of one of them in DER */
	SCHEME_X509_TEXT_MAX = 65536, /* of a text of several in PEM */
	SCHEME_X509_TRUSTED_MAX = 64, /* certificates of one secret */
};

/* What a secret trusts. */
struct scheme_trust {
	STACK_OF(X509) * certificates; /* or NULL */
	X509_STORE *system;            /* or NULL */
	bool has_fingerprint;
	unsigned char fingerprint[EVP_MAX_MD_SIZE];
};

/* Prepare a key: 0, or -1 with what it is not ("is no …") in *fault. */
int scheme_x509_prepare(struct scheme_key *key, const char **fault);
/* A key that trusts what this system does: 0 or -1. */
int scheme_x509_trust_system(struct scheme_key *key);
void scheme_x509_clear(struct scheme_key *key);

/* The certificates of a text in PEM, or of a token's header (its x5c: the
 * signer first, RFC 7515, 4.1.6); the caller frees them.  NULL for what is
 * none, too large or too many. */
STACK_OF(X509) * scheme_x509_read(const void *p, size_t len);
STACK_OF(X509) * scheme_x509_x5c(const struct buf *header);

/*
 * Whether the first of a chain is a signer under the scheme's rules and leads
 * to what the key trusts (`key` NULL: it came from where only the provider
 * puts it).  SCHEME_OK, SCHEME_BAD_CERTIFICATE or SCHEME_ERROR.
 */
enum scheme_result scheme_x509_check(const struct scheme_proof *proof,
    const struct scheme_key *key, STACK_OF(X509) * chain);

/* The i-th trusted certificate as a signer: its public key (which belongs to
 * it), NULL where it is none now.  Their number. */
EVP_PKEY *scheme_x509_signer(
    const struct scheme_proof *proof, const struct scheme_key *key, size_t i);
size_t scheme_x509_count(const struct scheme_key *key);

#endif
