<?php
// A handler in PHP: writes each order into a file of its own, once.
//	run = /usr/bin/php /usr/local/lib/handler.php
//	env = ORDERS=/var/lib/shop/orders

// A warning, too, ends this with 255: it is tried again.
set_error_handler(function ($level, $text) {
	throw new ErrorException($text);
});

$order = json_decode(file_get_contents('php://stdin'), true);
if (!isset($order['order']['number'])) {
	// wrong now, wrong for ever: 100, and it becomes a dead letter
	fwrite(STDERR, "not an order\n");
	exit(100);
}
$headers = json_decode(getenv('GAFF_HEADERS'), true);
$line = implode(' ', [getenv('GAFF_TYPE'), $order['order']['number'],
	$headers['user-agent'] ?? '-']);

// One file for an event: a second run writes the same file again.  Renamed, it
// is there whole or not at all.
$path = getenv('ORDERS') . '/' . getenv('GAFF_EVENT_ID');
$own = $path . '.' . getmypid();
file_put_contents($own, $line . "\n");
rename($own, $path);
