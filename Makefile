# gaff: build, try, test.  `make help` lists the targets.

VERSION := 0.1.0

# ---- Debian 12 packages, the only list of them ----
BUILD_PACKAGES := gcc libc6-dev make pkg-config binutils libfcgi-dev \
	libzmq3-dev libjansson-dev libssl-dev libsqlite3-dev libjq-dev \
	libcurl4-openssl-dev libmicrohttpd-dev
DEMO_PACKAGES := lighttpd python3
TEST_PACKAGES := libcmocka-dev python3 python3-pytest python3-pytest-xdist \
	lighttpd nginx-light apache2 libapache2-mod-fcgid spawn-fcgi systemd curl \
	openssl jq webhook prometheus mandoc php-cli nodejs clang-format-14 \
	clang-tidy-14 bash-completion clang-14 libclang-rt-14-dev
DEB_PACKAGES := build-essential dpkg-dev debhelper fakeroot lintian \
	debootstrap xz-utils
INTEROP_PACKAGES := nodejs npm
BENCH_PACKAGES := python3 lighttpd nginx-light apache2 webhook redis-server \
	python3-flask gunicorn python3-redis python3-hiredis python3-fastapi \
	uvicorn python3-uvloop python3-httptools linux-perf strace \
	python3-matplotlib

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
# CFLAGS, CPPFLAGS and LDFLAGS are the builder's; ours are beside them
CFLAGS ?= -O2 -g
ALL_CPPFLAGS = -D_GNU_SOURCE -DGAFF_VERSION='"$(VERSION)"' $(CPPFLAGS)
ifeq ($(SAN),1)
HARD += -fsanitize=address,undefined -fno-sanitize-recover=undefined \
	-fno-omit-frame-pointer
HARD_LD := -fsanitize=address,undefined
else ifeq ($(findstring _FORTIFY_SOURCE,$(CPPFLAGS) $(CFLAGS)),)
HARD += -D_FORTIFY_SOURCE=2
endif
ifeq ($(CI),true)
WARN += -Werror
endif
# no path of this machine in what is built
ALL_CFLAGS = -std=c11 $(CFLAGS) $(WARN) $(HARD) -pthread \
	-ffile-prefix-map=$(CURDIR)=.
ALL_LDFLAGS = $(LDFLAGS) $(HARD_LD) -pie -Wl,-z,relro,-z,now -pthread

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
CLI_OBJS := $(CLI:%=$O/cli/%.o) $O/samples_json.o

LIBS := -lzmq -ljansson -lcrypto
FCGI_LIBS := -lfcgi $(LIBS)
WORKER_LIBS := -lsqlite3 -lcurl -ljq -lmicrohttpd $(LIBS)
RUN_LIBS := -ljansson -lcrypto
CLI_LIBS := -lcurl -ljq -lmicrohttpd $(LIBS)

PROGRAMS := $O/gaff.fcgi $O/gaff-worker $O/gaff-run $O/gaff

all: $(PROGRAMS)

$O/gaff.fcgi: $O/fcgi/main.o $(FCGI_OBJS) $O/libgaff.a
	$(call say,LD)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(FCGI_LIBS)
$O/gaff-worker: $O/worker/main.o $(WORKER_OBJS) $O/libgaff.a
	$(call say,LD)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(WORKER_LIBS)
$O/gaff-run: $O/worker/main_run.o $(RUN:%=$O/worker/%.o) $O/libgaff.a
	$(call say,LD)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(RUN_LIBS)
$O/gaff: $O/cli/main.o $(CLI_OBJS) $(CLI_WORKER:%=$O/worker/%.o) $O/libgaff.a
	$(call say,LD)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(CLI_LIBS)
$O/libgaff.a: $(LIB_OBJS)
	@rm -f $@
	$(call say,AR)$(AR) rcs $@ $^

$O/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# files as bytes: _binary_conf_schemes_conf_start and _end
$O/schemes_conf.o: conf/schemes.conf
$O/samples_json.o: conf/samples.json
$O/schemes_conf.o $O/samples_json.o:
	@mkdir -p $(@D)
	$(call say,LD)$(LD) -r -b binary -z noexecstack -o $@ $<

# ---- tests ----
UNIT := $(patsubst tests/unit/%.c,$O/tests/unit/%,$(wildcard tests/unit/test_*.c))
TOOLS := $(patsubst tests/tool/%.c,$O/tests/tool/%,$(wildcard tests/tool/*.c))
UNIT_OBJS := $O/tests/unit/support.o $O/tests/unit/requests.o \
	$O/tests/unit/booked.o $O/tests/unit/landed.o $O/tests/unit/platter.o \
	$O/tests/unit/played.o $O/tests/unit/graves.o \
	$O/tests/unit/stage.o $O/tests/unit/stores.o $O/tests/unit/tries.o \
	$O/tests/unit/vectors.o \
	$(FCGI_OBJS) $(WORKER_OBJS) $(CLI_OBJS) \
	$O/libgaff.a
WRAP := $(foreach f,malloc calloc realloc reallocarray strdup strndup,\
	-Wl,--wrap=$f)

$O/tests/unit/%: $O/tests/unit/%.o $(UNIT_OBJS)
	$(call say,LD)$(CC) $(ALL_LDFLAGS) $(WRAP) -o $@ $^ -lcmocka \
	    -lfcgi $(WORKER_LIBS)
$O/tests/tool/%: $O/tests/tool/%.o $O/libgaff.a
	$(call say,LD)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(FCGI_LIBS)

# fuzzers: with libFuzzer by `make fuzz`, else with what is kept of inputs
FUZZERS := $(patsubst tests/fuzz/%.c,$O/tests/fuzz/%,\
	$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_SECS := 60
FUZZ_OBJS := $(if $(FUZZ),,$O/tests/fuzz/replay.o) \
	$(FCGI_OBJS) $(WORKER_OBJS) $(CLI_OBJS) $O/libgaff.a
$O/tests/fuzz/%: $O/tests/fuzz/%.o $(FUZZ_OBJS)
	$(call say,LD)$(CC) $(ALL_LDFLAGS) $(if $(FUZZ),-fsanitize=fuzzer) -o $@ $^ \
	    $(if $(FUZZ),,-lcmocka) -lfcgi $(WORKER_LIBS)
UNIT += $(FUZZERS)
fuzz-programs: $(FUZZERS)
fuzz:
	@$(MAKE) --no-print-directory O=build/fuzz CC=clang-14 SAN=1 FUZZ=1 \
	    CFLAGS='-O1 -g -fsanitize=fuzzer-no-link' WARN= fuzz-programs
	@tests/fuzz/run.sh build/fuzz/tests/fuzz $(FUZZ_SECS) $(FUZZ_SEED)

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
# sign and verify with the providers' own SDKs, which npm downloads once
interop: $(PROGRAMS) $(TOOLS)
	@GAFF_BIN=$(abspath $O) tests/tool/interop.sh $(INTEROP_PACKAGES)
test: unit integration

# ---- how fast: beside what else there is, and where the time goes ----
BENCH := $(addprefix $O/bench/,load ceiling spawn fetch verify store slowsync.so)
ROUNDS := 5
SECS := 2
BENCH_FLAGS = --bin $(abspath $O) --rounds $(ROUNDS) --secs $(SECS)
$O/bench/load: $O/bench/load_request.o
$O/bench/verify: $O/libgaff.a
$O/bench/store: $(WORKER_OBJS) $O/libgaff.a
$O/bench/%: $O/bench/%.o
	$(call say,LD)$(CC) $(ALL_LDFLAGS) $(BENCH_LD) -o $@ $^ $(BENCH_LIBS)
$O/bench/load: BENCH_LIBS := -lcrypto
$O/bench/ceiling: BENCH_LIBS := -lfcgi
$O/bench/fetch: BENCH_LIBS := -lcurl
$O/bench/verify: BENCH_LIBS := $(LIBS)
$O/bench/store: BENCH_LIBS := $(WORKER_LIBS)
$O/bench/verify: BENCH_LD := $(WRAP)
$O/bench/slowsync.so: bench/slowsync.c
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(ALL_CPPFLAGS) -std=c11 -O2 $(WARN) -fPIC -shared \
	    -o $@ $< -ldl
bench-programs: $(BENCH)
# parts by name: make bench ARGS=quick ROUNDS=3; make profile ARGS='--size 8k'
bench profile:
	@tests/tool/install.sh $(BUILD_PACKAGES) $(BENCH_PACKAGES)
	@command -v npm >/dev/null || tests/tool/install.sh $(INTEROP_PACKAGES)
	@$(MAKE) --no-print-directory -j2 all tools bench-programs
	@/usr/bin/python3 bench/$@.py $(BENCH_FLAGS) $(ARGS)

# take defences out of the code one by one and see their tests turn red
sabotage:
	@tests/tool/sabotage.sh $(ARGS)

# a page of all built-in schemes; the unit tests tell when it is stale
docs/PROVIDERS.md: $O/gaff
	@$O/gaff schemes --markdown >$@
# the last run of `make bench` into its page
docs/BENCHMARKS.md: FORCE
	@/usr/bin/python3 bench/docs.py
FORCE:

lint:
	@tests/tool/lint.sh -std=c11 $(ALL_CPPFLAGS)
format:
	clang-format-14 -i $(wildcard *.[ch] */*.[ch] tests/*/*.[ch])

check:
	@tests/tool/install.sh $(BUILD_PACKAGES) $(TEST_PACKAGES) $(DEB_PACKAGES)
	@INTEROP='$(INTEROP)' tests/tool/check.sh $O

# ---- try, install ----
demo:
	@tests/tool/install.sh $(BUILD_PACKAGES) $(DEMO_PACKAGES)
	@$(MAKE) --no-print-directory -j2 all
	@GAFF_BIN=$(abspath $O) tests/tool/demo $(if $(ONCE),--once)

prefix ?= /usr/local
sysconfdir ?= /etc
D = $(DESTDIR)$(prefix)
unitdir ?= $(prefix)/lib/systemd/system
UNITS = $(DESTDIR)$(unitdir)
# installed files name the programs where they are installed
CONF_SED := -e 's|/usr/bin/gaff|$(prefix)/bin/gaff|' \
	-e 's|/usr/lib/gaff|$(prefix)/lib/gaff|'
# a gateway beside the first, on its socket and with its configuration
EXTRA_SED := -e 's|^Sockets=.*|Sockets=gaff-gateway.socket|' \
	-e 's|/etc/gaff/%i/|/etc/gaff/|'
# the first gaff.conf: the sections that need no secret
START_SED := -e '/^\# ---- where events come from/ { \
	s|.*|\# Sources and routes come here, or into conf.d/NAME.conf; examples:\n\# $(prefix)/share/doc/gaff/conf/gaff.conf|; q; }'
# lighty-enable-mod reads which modules a file needs; mod_fastcgi has its own
LIGHTY_SED := -e 's|^server.modules += ( "mod_fastcgi" )|\# -*- depends: fastcgi -*-|'

# usage: $(call put,FILE,TARGET[,sed options]); put_etc leaves a file alone that
# is there already: it may have been edited
put = sed $(CONF_SED) $3 $1 | install -D -m 644 /dev/stdin "$2"
put_etc = [ -e "$(DESTDIR)$(sysconfdir)/$2" ] || \
	$(call put,$1,$(DESTDIR)$(sysconfdir)/$2,$3)

install: all
	install -d $D/bin $D/lib/gaff $(DESTDIR)$(sysconfdir)/gaff/conf.d \
	    $(DESTDIR)$(sysconfdir)/gaff/secrets
	install $O/gaff $O/gaff-worker $D/bin
	install $O/gaff.fcgi $O/gaff-run $D/lib/gaff
	for f in $(wildcard conf/*.*); do \
	    $(call put,"$$f",$D/share/doc/gaff/$$f) || exit 1; done
	install -d $D/share/doc/gaff/handlers
	install -m 644 docs/handlers/* $D/share/doc/gaff/handlers
	for f in $(wildcard docs/*.[1-8]); do install -D -m 644 "$$f" \
	    $D/share/man/man"$${f##*.}/$${f##*/}" || exit 1; done
	for u in gaff-gateway.service gaff-gateway.socket gaff-worker.service; do \
	    $(call put,conf/$$u,$(UNITS)/$$u) && \
	    cp "$(UNITS)/$$u" "$(UNITS)/$${u%.*}@.$${u##*.}" || exit 1; done
	$(call put,conf/gaff-gateway.service,$(UNITS)/gaff-gateway-extra@.service,$(EXTRA_SED))
	$(call put,conf/gaff.sysusers,$D/lib/sysusers.d/gaff.conf)
	$(call put,conf/gaff.tmpfiles,$D/lib/tmpfiles.d/gaff.conf)
	$(call put,conf/gaff.bash-completion,$D/share/bash-completion/completions/gaff)
	$(call put_etc,conf/gaff.conf,gaff/gaff.conf,$(START_SED))
	$(call put_etc,conf/lighttpd-fastcgi.conf,lighttpd/conf-available/50-gaff.conf,$(LIGHTY_SED))
	$(call put_etc,conf/apache-proxy.conf,apache2/conf-available/gaff.conf)
	$(call put_etc,conf/nginx.conf,nginx/snippets/gaff.conf)

# ---- Debian packages, in build/deb ----
deb:
	@tests/tool/install.sh $(BUILD_PACKAGES) $(DEB_PACKAGES)
	@conf/debian/build.sh $(VERSION)
# install them into a root of their own, deliver, remove, purge (as root)
deb-check: deb
	@tests/tool/install.sh $(DEB_PACKAGES) python3-pytest
	@tests/tool/deb-check.sh

help:
	@echo 'make            build the programs in $O/ (SAN=1: with sanitizers)'
	@echo 'make demo       try it: web server, gateway, worker (ONCE=1: and end)'
	@echo 'make check      install what tests need, run all of them, lint'
	@echo 'make test       unit and integration tests; needs no root, no network'
	@echo 'make unit       the unit tests alone'
	@echo 'make interop    against the SDKs of the providers, which npm downloads'
	@echo 'make fuzz       each fuzzer for FUZZ_SECS=60 (clang-14, libFuzzer)'
	@echo 'make sabotage   take defences out one at a time; each must turn a test red'
	@echo 'make bench      gaff beside others, with a table and charts (15 minutes)'
	@echo 'make profile    where the time of a request goes (perf, strace)'
	@echo 'make lint       format, sizes, clang-tidy; make format repairs the first'
	@echo 'make install    to DESTDIR, prefix=$(prefix) and sysconfdir=$(sysconfdir)'
	@echo 'make deb        Debian packages, in build/deb'
	@echo 'make deb-check  install them into a root of their own, deliver, remove'
	@echo 'make clean      remove what was built'
	@echo 'packages to build: $(BUILD_PACKAGES)'

clean:
	rm -rf build

.PHONY: all bench bench-programs profile fuzz fuzz-programs unit-programs tools unit integration integration-root test sabotage \
	interop lint format check demo install deb deb-check help clean FORCE
.SECONDARY:

-include $(shell find $O -path $O/deb -prune -o -name "*.d" -print 2>/dev/null)
