"""What gaff says of certificates, the providers' own verifiers say, too.

Each vector of tests/vectors is shown to the SDK, and where the two differ it is
known why.  Turns red when: shared/scheme_x509.c or the section of the provider
refuses what is genuine, or takes what is not.
"""

import json
import pathlib

import pytest
from sdk import Sdk

VECTORS = pathlib.Path(__file__).parents[1] / "vectors"

# what sns-validator takes: it looks at no topic and at nothing but the key of
# a certificate; and what it refuses:
# its text of an UnsubscribeConfirmation is not the one of AWS's documentation
SNS = {
    "a confirmation",
    "the same text cut at other places",
    "a topic of somebody else",
    "the certificate stands where SNS keeps none",
    "the URL has nothing",
    "the certificate is out of date",
    "the certificate is not yet valid",
    "its key is for encryption alone",
    "its key is too short",
}
# Apple's library wants three certificates, reads only the first two of them,
# and looks at the day of the signature, not at today's
APPLE = {
    "two certificates alone, the root is known",
    "a root out of date",
    "a longer hash than agreed",
    "base64url where base64 belongs",
    "bytes behind a certificate",
    "a critical header",
}


@pytest.fixture
def sdk(tmp_path):
    sdk = Sdk(tmp_path / "sdk.log")
    yield sdk
    sdk.close()


def vectors(name):
    return json.loads((VECTORS / f"{name}.json").read_text())["vectors"]


def differences(sdk, name, all_, secret_of):
    differ, agreed = set(), {True: 0, False: 0}
    for v in all_:
        said = sdk.ask(sdk=name, do="verify", body=v["body"], now=v["now"],
                       secret=secret_of(v), headers={}, url=v["url"])
        if said["valid"] == v["valid"]:
            agreed[v["valid"]] += 1
        else:
            differ.add(v["note"])
    # most of both kinds were seen alike
    assert agreed[True] > 2 and agreed[False] > 5, agreed
    return differ


def test_sns(sdk):
    def secret(v):
        return "".join(v["secrets"] or v["urls"].values())
    differ = differences(sdk, "aws-sns", vectors("aws-sns"), secret)
    assert differ <= SNS


def test_apple(sdk):
    all_ = vectors("apple-app-store")
    root = all_[0]["secrets"][0]

    def secret(v):
        return json.dumps({"root": root, **v["params"]})
    differ = differences(sdk, "apple-app-store", all_, secret)
    assert differ <= APPLE
