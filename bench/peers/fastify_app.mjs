// Fastify and BullMQ: check the signature, queue, answer.
import { createHmac, timingSafeEqual } from "node:crypto";
import { Queue } from "bullmq";
import Fastify from "fastify";

const secret = process.env.HOOK_SECRET;
const queue = new Queue("hooks", {
	connection: { host: "127.0.0.1", port: Number(process.env.REDIS_PORT) },
});
const app = Fastify({ logger: false });

app.addContentTypeParser("application/json", { parseAs: "buffer" },
	(request, body, done) => done(null, body));

app.post("/hooks/github", async (request, reply) => {
	const mac = Buffer.from("sha256=" +
		createHmac("sha256", secret).update(request.body).digest("hex"));
	const given = Buffer.from(request.headers["x-hub-signature-256"] ?? "");
	if (mac.length !== given.length || !timingSafeEqual(mac, given))
		return reply.code(401).send({ status: "refused" });
	await queue.add(request.headers["x-github-event"] ?? "", {
		id: request.headers["x-github-delivery"],
		body: request.body.toString(),
	});
	return { status: "accepted" };
});

await app.listen({ host: "127.0.0.1", port: Number(process.env.HTTP_PORT) });
