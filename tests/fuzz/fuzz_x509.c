/*
 * Certificates: the header of a token (its x5c), or with a line "pem" before it
 * a text in PEM.  What is accepted under the test's root is, by OpenSSL's own
 * way from the root down, signed by it.
 */

#include <stdio.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "../../shared/scheme.h"
#include "../../shared/scheme_x509.h"
#include "fuzz.h"

static const char root_pem[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBsDCCATWgAwIBAgIUHH4hzvIUQ/0K1XjA00MTNqqiyjEwCgYIKoZIzj0EAwMw\n"
    "FzEVMBMGA1UEAwwMVGVzdCBSb290IENBMB4XDTIzMDEwMTAwMDAwMFoXDTMzMDEw\n"
    "MTAwMDAwMFowFzEVMBMGA1UEAwwMVGVzdCBSb290IENBMHYwEAYHKoZIzj0CAQYF\n"
    "K4EEACIDYgAEvTP42ltxpu0Gx3ESlqEmR5oR5FH6wmbmZDjBJSOVtiLRvDJBL67w\n"
    "kXJKxZkZqfRripqpjkrsWIH94A6m+AGdvvSV6jZoso2zTcZzqZPBBu8UwTx0BPDH\n"
    "qU5U3IjFN/BDo0IwQDAPBgNVHRMBAf8EBTADAQH/MA4GA1UdDwEB/wQEAwIBBjAd\n"
    "BgNVHQ4EFgQUBN/ZdwdbqUJ5WeY2GPKWtV4XVa4wCgYIKoZIzj0EAwMDaQAwZgIx\n"
    "AIsHmfe22zT8TvRespBXZmvI8Q1gzNgqWfhUDHHrNuhwkWqpxTq0YErTobrXr3rO\n"
    "UAIxANUL8r4ukaS23d09LfkgtBxdNlA/ctMpiXqdcMNhKCtyHrBl8fSd/lgDQQpx\n"
    "yO5qgA==\n"
    "-----END CERTIFICATE-----\n";

static const int64_t now_ms = INT64_C(1700000000000);

static X509 *
read_root(void)
{
	BIO *bio = BIO_new_mem_buf(root_pem, -1);
	X509 *root = PEM_read_bio_X509(bio, NULL, NULL, NULL);

	BIO_free(bio);
	FUZZ_MUST(root != NULL);
	return root;
}

static int
is_signed(X509 *certificate, X509 *above)
{
	return X509_verify(certificate, X509_get0_pubkey(above)) == 1;
}

/* Whether a certificate is signed by the root, or by an authority among the
 * chain's that is. */
static int
leads_to(STACK_OF(X509) * chain, X509 *certificate, X509 *root, int steps)
{
	if (X509_cmp(certificate, root) == 0 || is_signed(certificate, root))
		return 1;
	for (int i = 0; steps > 0 && i < sk_X509_num(chain); i++) {
		X509 *above = sk_X509_value(chain, i);

		if (X509_check_ca(above) > 0 && is_signed(certificate, above) &&
		    leads_to(chain, above, root, steps - 1))
			return 1;
	}
	return 0;
}

static void
check(STACK_OF(X509) * chain)
{
	static struct scheme_proof proof;
	const struct scheme_request request = {.now_ms = now_ms};
	const struct scheme *scheme = scheme_builtin("apple-app-store");
	const struct scheme_secret given = {
	    (const unsigned char *)root_pem, sizeof(root_pem) - 1};
	char error[SCHEME_ERROR_SIZE];
	struct scheme_keys *keys = scheme_keys_new(scheme, &given, 1, error);
	X509 *root = read_root();

	FUZZ_MUST(keys != NULL);
	memset(&proof, 0, sizeof(proof));
	proof.rules = scheme->rules;
	proof.look.request = &request;
	if (scheme_x509_check(&proof, &keys->v[0], chain) == SCHEME_OK) {
		FUZZ_MUST(chain && sk_X509_num(chain) > 0);
		FUZZ_MUST(sk_X509_num(chain) <= SCHEME_X509_CHAIN_MAX);
		FUZZ_MUST(leads_to(chain, sk_X509_value(chain, 0), root,
		    SCHEME_X509_CHAIN_MAX));
		FUZZ_MUST(X509_get0_pubkey(sk_X509_value(chain, 0)) != NULL);
	}
	ERR_clear_error();
	X509_free(root);
	scheme_keys_free(keys);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char pem[] = "pem\n";
	const size_t skip = sizeof(pem) - 1;
	char *text = fuzz_text(data, size);
	STACK_OF(X509) * chain;

	if (strncmp(text, pem, skip) == 0) {
		chain = scheme_x509_read(text + skip, size - skip);
	} else {
		struct buf header = {.p = text, .len = size, .cap = size + 1};

		chain = scheme_x509_x5c(&header);
	}
	if (chain)
		check(chain);
	sk_X509_pop_free(chain, X509_free);
	free(text);
	return 0;
}
