// Signs and verifies webhooks with the providers' own SDKs, for test_interop.py.
//
// Standard input: a request a line, in JSON
//     {sdk, do: "sign" | "verify", secret, body, headers, url, now}
// body: text; headers: an object, names in lower case; secret: what the SDK
// wants, which of public keys is the public one; now: seconds since 1970, which
// is what the SDK takes for the current time.
// Standard output: its answer, a line each
//     {headers} of sign, {valid, why} of verify, {error} when neither can be.

import { webcrypto, X509Certificate } from "node:crypto";
import { EventEmitter } from "node:events";
import https from "node:https";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

// Node 18 has it only with a flag, and some SDKs want it
globalThis.crypto ??= webcrypto;

const RealDate = Date;

/** Runs `work` at a time that stands still. */
async function at(now, work) {
	globalThis.Date = class extends RealDate {
		constructor(...args) {
			super(...(args.length ? args : [now * 1000]));
		}
		static now() {
			return now * 1000;
		}
	};
	try {
		return await work();
	} finally {
		globalThis.Date = RealDate;
	}
}

// Most SDKs throw when a request is not genuine.
const passes = async (promise) => {
	await promise;
	return true;
};

const standard = (name) => ({
	async sign({ secret, body, headers, now }) {
		const { Webhook } = await import(name);
		const id = headers["webhook-id"] ?? headers["svix-id"];
		const prefix = name === "svix" ? "svix" : "webhook";
		return {
			[`${prefix}-id`]: id,
			[`${prefix}-timestamp`]: String(now),
			[`${prefix}-signature`]: new Webhook(secret).sign(
				id, new Date(now * 1000), body),
		};
	},
	async verify({ secret, body, headers }) {
		const { Webhook } = await import(name);
		return passes(new Webhook(secret).verify(body, headers));
	},
});

const octokit = {
	async sign({ secret, body }) {
		const { sign } = await import("@octokit/webhooks-methods");
		return { "x-hub-signature-256": await sign(secret, body) };
	},
	async verify({ secret, body, headers }) {
		const { verify } = await import("@octokit/webhooks-methods");
		return verify(secret, body, headers["x-hub-signature-256"]);
	},
};

const octokitWebhooks = {
	async sign({ secret, body }) {
		const { Webhooks } = await import("@octokit/webhooks");
		const signature = await new Webhooks({ secret }).sign(body);
		return { "x-hub-signature-256": signature };
	},
	async verify({ secret, body, headers }) {
		const { Webhooks } = await import("@octokit/webhooks");
		return new Webhooks({ secret }).verify(
			body, headers["x-hub-signature-256"]);
	},
};

const stripe = {
	async sign({ secret, body, now }) {
		const { default: Stripe } = await import("stripe");
		const header = new Stripe("sk_test_x").webhooks
			.generateTestHeaderString({
				payload: body, secret, timestamp: now });
		return { "stripe-signature": header };
	},
	async verify({ secret, body, headers }) {
		const { default: Stripe } = await import("stripe");
		return passes(new Stripe("sk_test_x").webhooks.constructEvent(
			body, headers["stripe-signature"], secret));
	},
};

const workos = {
	// computes over JSON.stringify(payload): wants the parsed one
	async sign({ secret, body, now }) {
		const { WorkOS } = await import("@workos-inc/node");
		const signature = await new WorkOS("sk_x").webhooks
			.computeSignature(now * 1000, JSON.parse(body), secret);
		return { "workos-signature": `t=${now * 1000}, v1=${signature}` };
	},
	async verify({ secret, body, headers }) {
		const { WorkOS } = await import("@workos-inc/node");
		return passes(new WorkOS("sk_x").webhooks.constructEvent({
			payload: JSON.parse(body), secret,
			sigHeader: headers["workos-signature"] }));
	},
};

const notion = {
	async sign({ secret, body }) {
		const { signWebhookPayload } = await import("@notionhq/client");
		return { "x-notion-signature": await signWebhookPayload({
			body, verificationToken: secret }) };
	},
	async verify({ secret, body, headers }) {
		const { verifyWebhookSignature } =
			await import("@notionhq/client");
		return verifyWebhookSignature({ body,
			signature: headers["x-notion-signature"],
			verificationToken: secret });
	},
};

const sanity = {
	async sign({ secret, body, now }) {
		const { encodeSignatureHeader } = await import("@sanity/webhook");
		return { "sanity-webhook-signature":
			await encodeSignatureHeader(body, now * 1000, secret) };
	},
	async verify({ secret, body, headers }) {
		const { isValidSignature } = await import("@sanity/webhook");
		return isValidSignature(
			body, headers["sanity-webhook-signature"], secret);
	},
};

const retell = {
	async sign({ secret, body }) {
		const { Retell } = await import("retell-sdk");
		return { "x-retell-signature": await Retell.sign(body, secret) };
	},
	async verify({ secret, body, headers }) {
		const { Retell } = await import("retell-sdk");
		return Retell.verify(body, secret, headers["x-retell-signature"]);
	},
};

const cloudinary = {
	async sign({ secret, body, now }) {
		const { default: { v2 } } = await import("cloudinary");
		return { "x-cld-timestamp": String(now),
			"x-cld-signature": v2.utils.webhook_signature(
				body, now, { api_secret: secret }) };
	},
	async verify({ secret, body, headers }) {
		const { default: { v2 } } = await import("cloudinary");
		v2.config({ api_secret: secret });
		return v2.utils.verifyNotificationSignature(
			body, headers["x-cld-timestamp"], headers["x-cld-signature"]);
	},
};

const contentful = {
	async sign({ secret, body, headers, url, now }) {
		const { signRequest } =
			await import("@contentful/node-apps-toolkit");
		const { "content-type": _, ...signed } = headers;
		return signRequest(secret, { method: "POST", body,
			path: url.slice(new URL(url).origin.length),
			headers: signed }, now * 1000);
	},
	async verify({ secret, body, headers, url }) {
		const { verifyRequest } =
			await import("@contentful/node-apps-toolkit");
		return verifyRequest(secret, { method: "POST", body, headers,
			path: url.slice(new URL(url).origin.length) });
	},
};

const form = (body) => Object.fromEntries(new URLSearchParams(body));

const twilio = {
	async sign({ secret, body, url }) {
		const { default: lib } =
			await import("twilio/lib/webhooks/webhooks.js");
		return { "x-twilio-signature": lib.getExpectedTwilioSignature(
			secret, url, form(body)) };
	},
	async verify({ secret, body, headers, url }) {
		const { default: lib } =
			await import("twilio/lib/webhooks/webhooks.js");
		return lib.validateRequest(
			secret, headers["x-twilio-signature"], url, form(body));
	},
};

const twilioJson = {
	async sign({ secret, url }) {
		return twilio.sign({ secret, url, body: "" });
	},
	async verify({ secret, body, headers, url }) {
		const { default: lib } =
			await import("twilio/lib/webhooks/webhooks.js");
		return lib.validateRequestWithBody(
			secret, headers["x-twilio-signature"], url, body);
	},
};

// ---- these only verify ----

const slack = { async verify({ secret, body, headers }) {
	const { default: { verifySlackRequest } } = await import("@slack/bolt");
	return passes(verifySlackRequest({ signingSecret: secret, body,
		headers: { ...headers, "x-slack-request-timestamp":
			Number(headers["x-slack-request-timestamp"]) } }));
} };

const shopify = { async verify({ secret, body, headers }) {
	await import("@shopify/shopify-api/adapters/node");
	const { shopifyApi, LogSeverity } = await import("@shopify/shopify-api");
	const api = shopifyApi({ apiKey: "x", apiSecretKey: secret,
		apiVersion: "2025-01", hostName: "example.com",
		isEmbeddedApp: false, logger: { level: LogSeverity.Error } });
	const result = await api.webhooks.validate({ rawBody: body,
		rawRequest: { method: "POST", url: "/", headers },
		rawResponse: {} });
	return result.valid || Promise.reject(new Error(result.reason));
} };

const discord = { async verify({ secret, body, headers }) {
	const { default: { verifyKey } } = await import("discord-interactions");
	return verifyKey(body, headers["x-signature-ed25519"],
		headers["x-signature-timestamp"], secret);
} };

const telnyx = { async verify({ secret, body, headers }) {
	const { default: Telnyx } = await import("telnyx");
	const client = new Telnyx({ apiKey: "x", publicKey: secret });
	return passes(client.webhooks.unwrap(body, { headers }));
} };

const linear = { async verify({ secret, body, headers }) {
	const { LinearWebhookClient } = await import("@linear/sdk/webhooks");
	return new LinearWebhookClient(secret).verify(
		Buffer.from(body), headers["linear-signature"]);
} };

const square = { async verify({ secret, body, headers, url }) {
	const { WebhooksHelper } = await import("square");
	return WebhooksHelper.verifySignature({ requestBody: body,
		signatureHeader: headers["x-square-hmacsha256-signature"],
		signatureKey: secret, notificationUrl: url });
} };

const paddle = { async verify({ secret, body, headers }) {
	const { Paddle } = await import("@paddle/paddle-node-sdk");
	return passes(new Paddle("x").webhooks.unmarshal(
		body, secret, headers["paddle-signature"]));
} };

const webflow = { async verify({ secret, body, headers }) {
	const { WebflowClient } = await import("webflow-api");
	return new WebflowClient({ accessToken: "x" }).webhooks
		.verifySignature({ headers, body, secret });
} };

const sendgrid = { async verify({ secret, body, headers }) {
	const { default: { EventWebhook } } =
		await import("@sendgrid/eventwebhook");
	const hook = new EventWebhook();
	return hook.verifySignature(hook.convertPublicKeyToECDSA(secret), body,
		headers["x-twilio-email-event-webhook-signature"],
		headers["x-twilio-email-event-webhook-timestamp"]);
} };

const razorpay = { async verify({ secret, body, headers }) {
	const { default: Razorpay } = await import("razorpay");
	return Razorpay.validateWebhookSignature(
		body, headers["x-razorpay-signature"], secret);
} };

const line = { async verify({ secret, body, headers }) {
	const { validateSignature } = await import("@line/bot-sdk");
	return validateSignature(body, secret, headers["x-line-signature"]);
} };

const pusher = { async verify({ secret, body, headers }) {
	const { default: Pusher } = await import("pusher");
	return new Pusher({ appId: "1", key: "app-key", secret })
		.webhook({ headers, rawBody: body }).isValid();
} };

const gocardless = { async verify({ secret, body, headers }) {
	const { parse } = await import("gocardless-nodejs/webhooks");
	return passes(parse(body, secret, headers["webhook-signature"]));
} };

const easypost = { async verify({ secret, body, headers }) {
	const { default: EasyPost } = await import("@easypost/api");
	return passes(new EasyPost("x").Utils.validateWebhook(
		Buffer.from(body), headers, secret));
} };

const onfido = { async verify({ secret, body, headers }) {
	const { default: { WebhookEventVerifier } } = await import("@onfido/api");
	return passes(new WebhookEventVerifier(secret).readPayload(
		body, headers["x-sha2-signature"]));
} };

const mux = { async verify({ secret, body, headers }) {
	const { default: Mux } = await import("@mux/mux-node");
	const client = new Mux({ tokenId: "x", tokenSecret: "x" });
	return passes(client.webhooks.verifySignature(body, headers, secret));
} };

const openai = { async verify({ secret, body, headers }) {
	const { default: OpenAI } = await import("openai");
	const client = new OpenAI({ apiKey: "x" });
	return passes(client.webhooks.verifySignature(body, headers, secret));
} };

const resend = { async verify({ secret, body, headers }) {
	const { Resend } = await import("resend");
	return passes(new Resend("re_x").webhooks.verify({ payload: body,
		webhookSecret: secret, headers: { id: headers["svix-id"],
			timestamp: headers["svix-timestamp"],
			signature: headers["svix-signature"] } }));
} };

const clerk = { async verify({ secret, body, headers, url }) {
	const { verifyWebhook } = await import("@clerk/backend/webhooks");
	return passes(verifyWebhook(
		new Request(url, { method: "POST", headers, body }),
		{ signingSecret: secret }));
} };

const replicate = { async verify({ secret, body, headers }) {
	const { validateWebhook } = await import("replicate");
	return validateWebhook({ id: headers["webhook-id"], body, secret,
		timestamp: headers["webhook-timestamp"],
		signature: headers["webhook-signature"] });
} };

const getstream = { async verify({ secret, body, headers }) {
	const { StreamChat } = await import("stream-chat");
	return new StreamChat("x", secret).verifyWebhook(
		body, headers["x-signature"]);
} };

// It fetches the certificate, which is `secret` here, and keeps it.
const sns = { async verify({ secret, body }) {
	const require = createRequire(import.meta.url);
	delete require.cache[require.resolve("sns-validator")];
	const MessageValidator = require("sns-validator");
	const { get } = https;
	https.get = (url, got) => {
		const answer = new EventEmitter();
		got(Object.assign(answer, { statusCode: 200 }));
		answer.emit("data", secret);
		answer.emit("end");
		return answer;
	};
	try {
		return await passes(new Promise((done, fail) =>
			new MessageValidator().validate(JSON.parse(body),
				(error) => error ? fail(error) : done())));
	} finally {
		https.get = get;
	}
} };

// `secret` has the root and whose notifications are expected
const apple = { async verify({ secret, body }) {
	const { SignedDataVerifier } =
		await import("@apple/app-store-server-library");
	const { root, bundle_id, environment } = JSON.parse(secret);
	return passes(new SignedDataVerifier([new X509Certificate(root).raw],
		false, environment, bundle_id, 1234)
		.verifyAndDecodeNotification(JSON.parse(body).signedPayload));
} };

const table = {
	stripe, octokit, "octokit-webhooks": octokitWebhooks,
	svix: standard("svix"), standardwebhooks: standard("standardwebhooks"),
	workos, notion, sanity, retell, cloudinary, slack, shopify, discord,
	telnyx, linear, square, paddle, webflow, sendgrid, razorpay, line, pusher,
	gocardless, easypost, onfido, mux, openai, resend, clerk, replicate,
	getstream, contentful, "contentful-query": contentful,
	twilio, "twilio-json": twilioJson, "aws-sns": sns,
	"apple-app-store": apple,
};

async function answer(request) {
	const act = table[request.sdk]?.[request.do];
	if (!act)
		return { error: `${request.sdk} cannot ${request.do}` };
	const run = () => at(request.now, () => act(request));
	if (request.do === "sign")
		return run().then((headers) => ({ headers }),
			(error) => ({ error: String(error) }));
	return run().then((valid) => ({ valid: valid === true }),
		(error) => ({ valid: false, why: String(error) }));
}

// standard output is for answers: what SDKs print goes elsewhere
console.log = console.info = console.debug = console.error;
for await (const text of createInterface({ input: process.stdin }))
	process.stdout.write(JSON.stringify(await answer(JSON.parse(text))) + "\n");
