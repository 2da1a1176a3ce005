# gaff: build, try, test.  `make help` lists the targets.

VERSION := 0.1.0

# ---- Debian 12 packages, the only list of them ----
BUILD_PACKAGES := gcc libc6-dev make pkg-config binutils libfcgi-dev \
	libzmq3-dev libjansson-dev libssl-dev libsqlite3-dev libjq-dev \
	libcurl4-openssl-dev libmicrohttpd-dev
DEMO_PACKAGES := lighttpd python3
TEST_PACKAGES := libcmocka-dev python3 python3-pytest python3-pytest-xdist \
	lighttpd nginx-light apache2 libapache2-mod-fcgid spawn-fcgi systemd curl \
	openssl jq prometheus mandoc php-cli nodejs clang-format-14 \
	clang-tidy-14

# short lines; V=1 shows the commands
V ?= 0
say = $(if $(filter 1,$V),,@echo '  $1 $@';)

# ---- flags; SAN=1 adds ASan and UBSan and builds beside ----
SAN ?= 0
O := $(if $(filter 1,$(SAN)),build/san,build)
CC := gcc
WARN := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes \
	-Wmissing-prototypes -Wpointer-arith -Wcast-qual -Wwrite-strings -Wundef \
	-Wvla -Wformat=2 -Wconversion -Wswitch-enum -Wimplicit-fallthrough \
	-Wnull-dereference -Wno-missing-field-initializers
HARD := -fPIE -fstack-protector-strong
CFLAGS ?= -O2 -g
CPPFLAGS += -D_GNU_SOURCE -DGAFF_VERSION='"$(VERSION)"'
ifeq ($(SAN),1)
HARD += -fsanitize=address,undefined -fno-sanitize-recover=undefined \
	-fno-omit-frame-pointer
LDFLAGS += -fsanitize=address,undefined
else
CPPFLAGS += -D_FORTIFY_SOURCE=2
endif
ifeq ($(CI),true)
WARN += -Werror
endif
ALL_CFLAGS = -std=c11 $(CFLAGS) $(WARN) $(HARD) -pthread
LDFLAGS += -pie -Wl,-z,relro,-z,now -pthread

# ---- what each program is made of: the files of its folder ----
# but for what has a main()
modules = $(filter-out main main_run,$(basename $(notdir $(wildcard $1/*.c))))
SHARED := $(call modules,shared)
FCGI := $(call modules,fcgi)
WORKER := $(call modules,worker)
CLI := $(call modules,cli)
# parts of the worker that decide without doing
CLI_WORKER := filter_check filter_jq filter_limits retry route
# parts of the worker that gaff-run, which is root, is made of: not one more
RUN := exec rights run_body run_env run_request run_rules run_user spawner

LIB_OBJS := $(SHARED:%=$O/shared/%.o) $O/schemes_conf.o
FCGI_OBJS := $(FCGI:%=$O/fcgi/%.o)
WORKER_OBJS := $(WORKER:%=$O/worker/%.o)
CLI_OBJS := $(CLI:%=$O/cli/%.o)

LIBS := -lzmq -ljansson -lcrypto
FCGI_LIBS := -lfcgi $(LIBS)
WORKER_LIBS := -lsqlite3 -lcurl -ljq -lmicrohttpd $(LIBS)
RUN_LIBS := -ljansson -lcrypto
CLI_LIBS := -lcurl -ljq $(LIBS)

PROGRAMS := $O/gaff.fcgi $O/gaff-worker $O/gaff-run $O/gaff

all: $(PROGRAMS)

$O/gaff.fcgi: $O/fcgi/main.o $(FCGI_OBJS) $O/libgaff.a
	$(call say,LD)$(CC) $(LDFLAGS) -o $@ $^ $(FCGI_LIBS)
$O/gaff-worker: $O/worker/main.o $(WORKER_OBJS) $O/libgaff.a
	$(call say,LD)$(CC) $(LDFLAGS) -o $@ $^ $(WORKER_LIBS)
$O/gaff-run: $O/worker/main_run.o $(RUN:%=$O/worker/%.o) $O/libgaff.a
	$(call say,LD)$(CC) $(LDFLAGS) -o $@ $^ $(RUN_LIBS)
$O/gaff: $O/cli/main.o $(CLI_OBJS) $(CLI_WORKER:%=$O/worker/%.o) $O/libgaff.a
	$(call say,LD)$(CC) $(LDFLAGS) -o $@ $^ $(CLI_LIBS)
$O/libgaff.a: $(LIB_OBJS)
	@rm -f $@
	$(call say,AR)$(AR) rcs $@ $^

$O/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# conf/schemes.conf as bytes: _binary_conf_schemes_conf_start and _end
$O/schemes_conf.o: conf/schemes.conf
	@mkdir -p $(@D)
	$(call say,LD)$(LD) -r -b binary -z noexecstack -o $@ $<

# ---- tests ----
UNIT := $(patsubst tests/unit/%.c,$O/tests/unit/%,$(wildcard tests/unit/test_*.c))
TOOLS := $(patsubst tests/tool/%.c,$O/tests/tool/%,$(wildcard tests/tool/*.c))
UNIT_OBJS := $O/tests/unit/support.o $O/tests/unit/requests.o \
	$O/tests/unit/played.o $O/tests/unit/graves.o \
	$O/tests/unit/stage.o $O/tests/unit/tries.o \
	$(FCGI_OBJS) $(WORKER_OBJS) $(CLI_OBJS) \
	$O/libgaff.a
WRAP := $(foreach f,malloc calloc realloc reallocarray strdup strndup,\
	-Wl,--wrap=$f)

$O/tests/unit/%: $O/tests/unit/%.o $(UNIT_OBJS)
	$(call say,LD)$(CC) $(LDFLAGS) $(WRAP) -o $@ $^ -lcmocka \
	    -lfcgi $(WORKER_LIBS)
$O/tests/tool/%: $O/tests/tool/%.o $O/libgaff.a
	$(call say,LD)$(CC) $(LDFLAGS) -o $@ $^ $(FCGI_LIBS)

unit-programs: $(UNIT)
tools: $(TOOLS)

unit: $(UNIT)
	@tests/unit/run.sh $(UNIT)
# one test: make integration ARGS='tests/integration/test_x.py -k name'
integration: $(PROGRAMS) $(TOOLS)
	@GAFF_BIN=$(abspath $O) tests/tool/integration.sh $(ARGS)
# what takes root; as root it is among the others
integration-root: ARGS := tests/integration/test_gaff_run.py
integration-root: integration
test: unit integration
# take defences out of the code one by one and see their tests turn red
sabotage:
	@tests/tool/sabotage.sh $(ARGS)

lint:
	@tests/tool/lint.sh -std=c11 $(CPPFLAGS)
format:
	clang-format-14 -i $(wildcard *.[ch] */*.[ch] tests/*/*.[ch])

check:
	@tests/tool/install.sh $(BUILD_PACKAGES) $(TEST_PACKAGES)
	@tests/tool/check.sh $O

# ---- try, install ----
demo:
	@tests/tool/install.sh $(BUILD_PACKAGES) $(DEMO_PACKAGES)
	@$(MAKE) --no-print-directory -j2 all
	@GAFF_BIN=$(abspath $O) tests/tool/demo $(if $(ONCE),--once)

prefix ?= /usr/local
# examples name the programs where they are installed
CONF_SED := -e 's|/usr/bin/gaff|$(prefix)/bin/gaff|' \
	-e 's|/usr/lib/gaff|$(prefix)/lib/gaff|'
install: all
	install -d $(DESTDIR)$(prefix)/bin $(DESTDIR)$(prefix)/lib/gaff \
	    $(DESTDIR)$(prefix)/share/doc/gaff/conf
	install $O/gaff $O/gaff-worker $(DESTDIR)$(prefix)/bin
	install $O/gaff.fcgi $O/gaff-run $(DESTDIR)$(prefix)/lib/gaff
	for f in conf/*; do sed $(CONF_SED) "$$f" \
	    >$(DESTDIR)$(prefix)/share/doc/gaff/"$$f" || exit 1; done
	install -d $(DESTDIR)$(prefix)/share/doc/gaff/handlers
	install -m 644 docs/handlers/* $(DESTDIR)$(prefix)/share/doc/gaff/handlers
	for f in $(wildcard docs/*.[1-8]); do install -D -m 644 "$$f" \
	    $(DESTDIR)$(prefix)/share/man/man"$${f##*.}/$${f##*/}" || exit 1; done

help:
	@echo 'make            build the programs in $O/ (SAN=1: with sanitizers)'
	@echo 'make demo       try it: web server, gateway, worker (ONCE=1: and end)'
	@echo 'make check      install what tests need, run all of them, lint'
	@echo 'make test       unit and integration tests; needs no root, no network'
	@echo 'make unit       the unit tests alone'
	@echo 'make sabotage   take defences out one at a time; each must turn a test red'
	@echo 'make lint       format, sizes, clang-tidy; make format repairs the first'
	@echo 'make install    to DESTDIR and prefix=$(prefix)'
	@echo 'make clean      remove what was built'
	@echo 'packages to build: $(BUILD_PACKAGES)'

clean:
	rm -rf build

.PHONY: all unit-programs tools unit integration integration-root test sabotage \
	lint format check demo install help clean
.SECONDARY:

-include $(shell find $O -name "*.d" 2>/dev/null)
