#include "transfer.h"

#include <stddef.h>

static const struct {
	CURLcode code;
	const char *outcome;
} errors[] = {
    {CURLE_COULDNT_RESOLVE_HOST, "dns"},
    {CURLE_COULDNT_CONNECT, "connect"},
    {CURLE_OPERATION_TIMEDOUT, "timeout"},
    {CURLE_SSL_CONNECT_ERROR, "tls"},
    {CURLE_PEER_FAILED_VERIFICATION, "tls"},
    {CURLE_SSL_CERTPROBLEM, "tls"},
    {CURLE_SSL_CIPHER, "tls"},
    {CURLE_SSL_CACERT_BADFILE, "tls"},
    {CURLE_SSL_ISSUER_ERROR, "tls"},
    {CURLE_SSL_INVALIDCERTSTATUS, "tls"},
    {CURLE_SSL_PINNEDPUBKEYNOTMATCH, "tls"},
};

const char *
transfer_fault(CURLcode code)
{
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (errors[i].code == code)
			return errors[i].outcome;
	return "broken";
}

bool
transfer_ready(CURLM *multi)
{
	CURLMsg *msg;
	bool any = false;
	char *private;
	int left;

	while ((msg = curl_multi_info_read(multi, &left)) != NULL) {
		CURLcode code = msg->data.result;
		struct transfer *transfer;

		if (msg->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &private);
		transfer = (struct transfer *)(void *)private;
		transfer->ended(transfer, code);
		any = true;
	}
	return any;
}
