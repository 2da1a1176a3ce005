#!/usr/bin/node
// A handler for Node: writes each order into a file of its own, once.
//	run = /usr/local/bin/handler.js
//	env = ORDERS=/var/lib/shop/orders

const fs = require('fs');
const env = process.env;

let number;
try {
	number = JSON.parse(fs.readFileSync(0)).order.number;
	if (number === undefined)
		throw new Error('it has no number');
} catch (error) {
	// wrong now, wrong for ever: 100, and it becomes a dead letter
	console.error(`not an order: ${error.message}`);
	process.exit(100);
}
const agent = JSON.parse(env.GAFF_HEADERS)['user-agent'] ?? '-';

// An exception ends this with 1: it is tried again.  One file for an event: a
// second run writes the same file again.  Renamed, it is there whole or not.
const path = `${env.ORDERS}/${env.GAFF_EVENT_ID}`;
fs.writeFileSync(`${path}.${process.pid}`,
	`${env.GAFF_TYPE} ${number} ${agent}\n`);
fs.renameSync(`${path}.${process.pid}`, path);
