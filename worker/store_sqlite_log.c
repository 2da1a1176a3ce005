#include "store_sqlite_log.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

/* The log as SQLite has it open; the default VFS's own file stands behind. */
struct log_file {
	sqlite3_file base;
	unsigned char *bytes; /* STORE_SQLITE_LOG_BYTES, not written yet */
	sqlite3_int64 at;     /* where they go */
	int len;
};

static sqlite3_file *
real(struct log_file *file)
{
	return (sqlite3_file *)(void *)(file + 1);
}

static struct log_file *
self(sqlite3_file *file)
{
	return (struct log_file *)(void *)file;
}

/* Write what is held.  Should that fail it is dropped: it belongs to a commit
 * that has failed with it. */
static int
flush(struct log_file *file)
{
	int len = file->len;

	file->len = 0;
	if (len == 0)
		return SQLITE_OK;
	return real(file)->pMethods->xWrite(
	    real(file), file->bytes, len, file->at);
}

static int
log_close(sqlite3_file *base)
{
	struct log_file *file = self(base);
	int written = flush(file);
	int closed = real(file)->pMethods->xClose(real(file));

	free(file->bytes);
	file->bytes = NULL;
	return written != SQLITE_OK ? written : closed;
}

static int
log_read(sqlite3_file *base, void *p, int len, sqlite3_int64 at)
{
	struct log_file *file = self(base);
	int rc = SQLITE_OK;

	if (at < file->at + file->len && at + len > file->at)
		rc = flush(file);
	return rc == SQLITE_OK
		   ? real(file)->pMethods->xRead(real(file), p, len, at)
		   : rc;
}

static int
log_write(sqlite3_file *base, const void *p, int len, sqlite3_int64 at)
{
	struct log_file *file = self(base);
	int rc = SQLITE_OK;

	if (at != file->at + file->len ||
	    len > STORE_SQLITE_LOG_BYTES - file->len)
		rc = flush(file);
	if (rc != SQLITE_OK)
		return rc;
	if (len > STORE_SQLITE_LOG_BYTES)
		return real(file)->pMethods->xWrite(real(file), p, len, at);
	if (file->len == 0)
		file->at = at;
	memcpy(file->bytes + file->len, p, (size_t)len);
	file->len += len;
	return SQLITE_OK;
}

static int
log_truncate(sqlite3_file *base, sqlite3_int64 size)
{
	struct log_file *file = self(base);
	int rc = flush(file);

	return rc == SQLITE_OK
		   ? real(file)->pMethods->xTruncate(real(file), size)
		   : rc;
}

static int
log_sync(sqlite3_file *base, int flags)
{
	struct log_file *file = self(base);
	int rc = flush(file);

	return rc == SQLITE_OK ? real(file)->pMethods->xSync(real(file), flags)
			       : rc;
}

static int
log_size(sqlite3_file *base, sqlite3_int64 *size)
{
	struct log_file *file = self(base);
	int rc = flush(file);

	return rc == SQLITE_OK
		   ? real(file)->pMethods->xFileSize(real(file), size)
		   : rc;
}

static int
log_control(sqlite3_file *base, int op, void *arg)
{
	struct log_file *file = self(base);

	return real(file)->pMethods->xFileControl(real(file), op, arg);
}

static int
log_sector(sqlite3_file *base)
{
	struct log_file *file = self(base);

	return real(file)->pMethods->xSectorSize(real(file));
}

static int
log_device(sqlite3_file *base)
{
	struct log_file *file = self(base);

	return real(file)->pMethods->xDeviceCharacteristics(real(file));
}

/* A log is never locked. */
static int
log_lock(sqlite3_file *base, int lock)
{
	(void)base;
	(void)lock;
	return SQLITE_OK;
}

static int
log_is_reserved(sqlite3_file *base, int *reserved)
{
	(void)base;
	*reserved = 0;
	return SQLITE_OK;
}

static const sqlite3_io_methods methods = {
    .iVersion = 1,
    .xClose = log_close,
    .xRead = log_read,
    .xWrite = log_write,
    .xTruncate = log_truncate,
    .xSync = log_sync,
    .xFileSize = log_size,
    .xLock = log_lock,
    .xUnlock = log_lock,
    .xCheckReservedLock = log_is_reserved,
    .xFileControl = log_control,
    .xSectorSize = log_sector,
    .xDeviceCharacteristics = log_device,
};

static int
open_log(sqlite3_vfs *under, const char *name, struct log_file *file, int flags,
    int *out)
{
	int rc;

	*file = (struct log_file){.bytes = malloc(STORE_SQLITE_LOG_BYTES)};
	if (file->bytes == NULL)
		return SQLITE_NOMEM;
	rc = under->xOpen(under, name, real(file), flags, out);
	if (rc == SQLITE_OK) {
		file->base.pMethods = &methods;
		return SQLITE_OK;
	}
	free(file->bytes);
	return rc;
}

static int
vfs_open(
    sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out)
{
	sqlite3_vfs *under = vfs->pAppData;

	file->pMethods = NULL;
	return (flags & SQLITE_OPEN_WAL) != 0
		   ? open_log(under, name, self(file), flags, out)
		   : under->xOpen(under, name, file, flags, out);
}

const char *
store_sqlite_log_vfs(void)
{
	static sqlite3_vfs vfs;
	sqlite3_vfs *under = sqlite3_vfs_find(NULL);

	if (under == NULL)
		return NULL;
	(void)sqlite3_vfs_unregister(&vfs);
	vfs = *under;
	vfs.pNext = NULL;
	vfs.zName = "gaff-log";
	vfs.szOsFile += (int)sizeof(struct log_file);
	vfs.pAppData = under;
	vfs.xOpen = vfs_open;
	return sqlite3_vfs_register(&vfs, 0) == SQLITE_OK ? vfs.zName : NULL;
}
