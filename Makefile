# make demo                  create .venv, build and install the package, run `mlx-saccade demo`
# make test                  run the whole suite against the installed package
# make develop               install an editable package that rebuilds itself when a C++ file changes
# make check                 lint, types, import order, stub, C++ tests under sanitizers, for Arm and macOS, the text of
#                            GPU kernels, the installed library, short fuzzing, the dashboard in a browser, Swift; a step whose
#                            tool is missing prints NOT RUN
# make check REQUIRE_ALL=1   the same; a missing tool is a failure
# make live                  compare with torch and transformers, test the training
# make check-long            `make live`, `make oldest`, mlx-vlm, servers, large towers, 10,000 damaged images, an hour
#                            of fuzzing
# make bench, make peers     run the benchmarks, install what they compare with
# make bench-profile         time the stages of questions beside mlx-vlm, in build/latency-profile.json
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet
WHEELS := build/wheels
STAMPS := build/stamps
SOURCES := pyproject.toml CMakeLists.txt README.md LICENSE \
	$(shell find cpp python -type f -not -name '*.so' -not -path '*/__pycache__/*')

.PHONY: demo test check check-long live oldest lint types native install-check tsan arm64 macos-cross gpu fuzz fuzz-readers browser swift swift-tsan swift-models profile stub stub-check bench bench-profile peers golden develop clean

demo: $(STAMPS)/installed
	$(BIN)/mlx-saccade demo

test: $(STAMPS)/test
	$(BIN)/python -m pytest -n 2 --dist loadfile tests

# $(call not_run,WHAT): report a step whose tool is missing; fail under REQUIRE_ALL=1.
not_run = echo "NOT RUN: $(1)"$(if $(filter 1,$(REQUIRE_ALL)), >&2; exit 1)

check: lint types stub-check native install-check tsan arm64 macos-cross gpu fuzz fuzz-readers browser swift swift-tsan swift-models profile

# -- environment ------------------------------------------------------------------------------------------------------

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 10) else f"mlx-saccade needs Python 3.10 or newer, this is {sys.version.split()[0]}; give another with make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)

$(STAMPS)/wheel: $(SOURCES) | $(BIN)/python
	@mkdir -p $(STAMPS)
	rm -rf $(WHEELS)
	@echo "compiling mlx-saccade: one to four minutes without output"
	$(PIP) wheel --no-deps --wheel-dir $(WHEELS) .
	@touch $@

$(STAMPS)/installed: $(STAMPS)/wheel
	$(PIP) install $(WHEELS)/mlx_saccade-*.whl
	$(PIP) install --force-reinstall --no-deps $(WHEELS)/mlx_saccade-*.whl
	@touch $@

$(STAMPS)/test: $(STAMPS)/installed
	$(PIP) install "$$(echo $(WHEELS)/mlx_saccade-*.whl)[test]"
	@touch $@

$(STAMPS)/dev: $(STAMPS)/installed
	$(PIP) install "$$(echo $(WHEELS)/mlx_saccade-*.whl)[dev]"
	@touch $@

# Rebuilds the extension at import when a C++ file has changed.
develop: $(STAMPS)/dev
	$(PIP) install --no-build-isolation --no-deps --config-settings=editable.rebuild=true --editable .

# -- checks -----------------------------------------------------------------------------------------------------------

lint: $(STAMPS)/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check benchmarks cpp docs python swift tests training
	@if [ -x $(BIN)/lint-imports ]; then PYTHONPATH=python $(BIN)/lint-imports; \
	else $(call not_run,the order of imports (import-linter needs Python 3.11)); fi
	find cpp -name '*.cpp' -o -name '*.h' -o -name '*.c' | xargs $(BIN)/clang-format --dry-run --Werror

types: $(STAMPS)/dev
	$(BIN)/mypy

stub: $(STAMPS)/dev
	$(BIN)/python -m nanobind.stubgen -q -m mlx_saccade._core -o python/mlx_saccade/_core.pyi
	$(BIN)/ruff format -q python/mlx_saccade/_core.pyi

stub-check: $(STAMPS)/dev
	$(BIN)/python -m nanobind.stubgen -q -m mlx_saccade._core -o build/_core.pyi
	$(BIN)/ruff format -q build/_core.pyi
	diff -u python/mlx_saccade/_core.pyi build/_core.pyi

CONFIGURE = $(BIN)/cmake -S . -G Ninja -DCMAKE_MAKE_PROGRAM=$(CURDIR)/$(BIN)/ninja -DSACCADE_TESTS=ON -DSACCADE_WERROR=ON

# Compiles the binding too, for its warnings. The kernels that the CPU supports are passed to the tests, which fail if
# the library lacks one. Kernels that the CPU lacks are printed.
native: $(STAMPS)/dev
	kernels=$$($(PYTHON) cpp/tests/cpu_kernels.py) && $(CONFIGURE) -B build/native -DCMAKE_BUILD_TYPE=RelWithDebInfo -DSACCADE_SANITIZE=address,undefined \
		-DSACCADE_PYTHON=ON -DPython_EXECUTABLE=$(CURDIR)/$(BIN)/python "-DSACCADE_TEST_KERNELS=$$kernels"
	$(BIN)/cmake --build build/native
	$(BIN)/ctest --test-dir build/native --output-on-failure

# Installs the library, static and shared, and builds C programs against it with pkg-config and with find_package. The
# shared one has another include folder and an absolute library folder. Both share one build tree and its objects. Then
# the sources inside another project, which CMake 3.20 builds in `make check-long`.
PREFIX := $(CURDIR)/build/prefix
install-check: $(STAMPS)/dev
	rm -rf $(PREFIX)
	for kind in static shared; do \
	$(BIN)/cmake -S . -B build/install -G Ninja -DCMAKE_MAKE_PROGRAM=$(CURDIR)/$(BIN)/ninja -DCMAKE_BUILD_TYPE=Release \
		-DSACCADE_WERROR=ON -DBUILD_SHARED_LIBS=$$([ $$kind = shared ] && echo ON || echo OFF) \
		-DCMAKE_INSTALL_LIBDIR=$$([ $$kind = shared ] && echo $(PREFIX)/shared/lib || echo lib) \
		-DCMAKE_INSTALL_INCLUDEDIR=$$([ $$kind = shared ] && echo headers || echo include) \
		-DCMAKE_INSTALL_PREFIX=$(PREFIX)/$$kind && \
	$(BIN)/cmake --build build/install && $(BIN)/cmake --install build/install >/dev/null && \
	$(CC) -std=c11 -Wall -Wextra -Werror cpp/tests/test_abi.c -o build/prefix/$$kind/test_abi \
		$$(PKG_CONFIG_PATH=$(PREFIX)/$$kind/lib/pkgconfig $(BIN)/python -m pkgconf --cflags --libs saccade) && \
	LD_LIBRARY_PATH=$(PREFIX)/$$kind/lib DYLD_LIBRARY_PATH=$(PREFIX)/$$kind/lib build/prefix/$$kind/test_abi && \
	$(BIN)/cmake -S cpp/tests/install -B build/prefix/$$kind/user -G Ninja \
		-DCMAKE_MAKE_PROGRAM=$(CURDIR)/$(BIN)/ninja -DCMAKE_PREFIX_PATH=$(PREFIX)/$$kind >/dev/null && \
	$(BIN)/cmake --build build/prefix/$$kind/user && \
	$(BIN)/ctest --test-dir build/prefix/$$kind/user --output-on-failure || exit 1; \
	done
	$(BIN)/cmake -S cpp/tests/install -B build/contained -G Ninja -DCMAKE_MAKE_PROGRAM=$(CURDIR)/$(BIN)/ninja \
		-DCMAKE_BUILD_TYPE=Release -DSACCADE_WERROR=ON -DSACCADE_SOURCE=$(CURDIR)
	$(BIN)/cmake --build build/contained
	$(BIN)/ctest --test-dir build/contained --output-on-failure

# Tests the thread pool under ThreadSanitizer.
tsan: $(STAMPS)/dev
	$(CONFIGURE) -B build/tsan -DCMAKE_BUILD_TYPE=RelWithDebInfo -DSACCADE_SANITIZE=thread
	$(BIN)/cmake --build build/tsan --target test_threads
	$(BIN)/ctest --test-dir build/tsan --output-on-failure -R test_threads

# Cross-compiles the NEON kernels and compares each with the scalar one under qemu, also on CPUs without the later
# instructions. Debian: g++-aarch64-linux-gnu, qemu-user.
ARM := aarch64-linux-gnu
EMULATE := qemu-aarch64 -L /usr/$(ARM) -cpu
arm64: $(STAMPS)/dev
	@if command -v $(ARM)-g++ >/dev/null && command -v qemu-aarch64 >/dev/null; then \
	$(CONFIGURE) -B build/arm64 -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 \
		-DCMAKE_CXX_COMPILER=$(ARM)-g++ -DCMAKE_C_COMPILER=$(ARM)-gcc \
		"-DCMAKE_CROSSCOMPILING_EMULATOR=qemu-aarch64;-L;/usr/$(ARM);-cpu;max" \
		"-DSACCADE_TEST_KERNELS=neon;neon-dotprod;neon-i8mm" && \
	$(BIN)/cmake --build build/arm64 && $(BIN)/ctest --test-dir build/arm64 --output-on-failure && \
	$(EMULATE) cortex-a72 build/arm64/cpp/tests/test_kernels neon && \
	$(EMULATE) cortex-a76 build/arm64/cpp/tests/test_kernels neon neon-dotprod; \
	else $(call not_run,the NEON kernels ($(ARM)-g++ or qemu-aarch64 is not on the path)); fi

# Checks the text of the GPU kernels without a GPU: as C++ under sanitizers, by clang in place of Metal's compiler, by
# NVRTC to PTX, and as OpenCL on PoCL's CPU device. The tools from PyPI take 300 MB, so `dev` leaves them out.
GPU_TOOLS := nvidia-cuda-nvrtc pyopencl pocl-binary-distribution
GPU_TESTS := $(BIN)/python -m pytest -m gpu
gpu: $(STAMPS)/dev
	@for tool in $(GPU_TOOLS); do $(PIP) install $$tool >/dev/null 2>&1 || true; done
	@if command -v "$${CXX:-c++}" >/dev/null; then $(GPU_TESTS) tests/gpu/test_cpp_text.py tests/gpu/test_mistakes.py; \
	else $(call not_run,the GPU kernels as C++ (no compiler on the path)); fi
	@if command -v clang++ >/dev/null; then $(GPU_TESTS) tests/gpu/test_metal_text.py; \
	else $(call not_run,the address spaces of the GPU kernels (clang++ is not on the path)); fi
	@if ls $(VENV)/lib/python3*/site-packages/nvidia/*/lib/libnvrtc.so* >/dev/null 2>&1; then \
	$(GPU_TESTS) tests/gpu/test_cuda_text.py; \
	else $(call not_run,the GPU kernels in CUDA (nvidia-cuda-nvrtc did not install)); fi
	@if $(BIN)/python -c 'import pyopencl, pocl_binary_distribution' 2>/dev/null; then \
	$(GPU_TESTS) tests/gpu/test_opencl_text.py; \
	else $(call not_run,the GPU kernels in OpenCL (pyopencl or pocl-binary-distribution did not install)); fi

# Compiles all for macOS on arm64 and the library for macOS on x86-64, inspects the wheel, and runs the C and C++ tests
# of the macOS build in an emulator (cpp/macos/README.md). About three minutes.
macos-cross: $(STAMPS)/dev
	@if [ "$$(uname -sm)" = "Linux x86_64" ] && command -v $(ARM)-g++ >/dev/null && command -v qemu-aarch64 >/dev/null && \
	$(PIP) install "$$(echo $(WHEELS)/mlx_saccade-*.whl)[macos-cross]"; then \
	{ [ -x build/native/cpp/tests/test_digests ] || $(MAKE) native; } && \
	PATH="$(CURDIR)/$(BIN):$$PATH" sh cpp/macos/check.sh build/macos build/native/cpp/tests/test_digests; \
	else $(call not_run,the macOS build (needs Linux on x86-64; $(ARM)-g++ and qemu-aarch64 on the path; ziglang)); fi

# Runs five targets for a minute in all. Apple's clang has no libFuzzer; `native` then still runs the targets on the
# corpus and on seeded inputs.
FUZZ_SECONDS ?= 12
FUZZER_PROBE := int LLVMFuzzerTestOneInput(const unsigned char* d, unsigned long n) { return d == 0 && n == 1; }
fuzz: $(STAMPS)/dev
	@if echo '$(FUZZER_PROBE)' | clang -fsanitize=fuzzer -x c - -o build/fuzzer-probe 2>/dev/null; then \
	CC=clang CXX=clang++ $(CONFIGURE) -B build/fuzz -DSACCADE_FUZZ=ON -DSACCADE_FUZZ_SECONDS=$(FUZZ_SECONDS) \
		-DSACCADE_SANITIZE=address,undefined && \
	$(BIN)/cmake --build build/fuzz && $(BIN)/ctest --test-dir build/fuzz --output-on-failure -R fuzz; \
	else $(call not_run,libFuzzer (no clang on the path that links it); the corpus ran in 'make native'); fi

# Damages answers and messages and reads them, with the installed package.
FUZZ_READERS_SECONDS ?= 30
fuzz-readers: $(STAMPS)/dev
	$(BIN)/python tests/fuzz_readers.py --seconds $(FUZZ_READERS_SECONDS)

# Opens every view of the dashboard, and the review page of elements, in a browser. Debian: chromium.
browser: $(STAMPS)/dev
	@if command -v chromium || command -v chromium-browser || command -v google-chrome || command -v google-chrome-stable; then \
	$(BIN)/python -m pytest -m browser tests/dashboard tests/evals; \
	else $(call not_run,the dashboard in a browser (no chromium or google-chrome on the path)); fi

swift:
	@if command -v swift >/dev/null; then swift/check.sh; \
	else $(call not_run,the Swift tests (swift is not on the path)); fi

# Runs the Swift tests that use threads under ThreadSanitizer, which needs the C++ sources optimized to be quick.
swift-tsan:
	@if command -v swift >/dev/null; then SACCADE_MLX_SWIFT=0 swift test --sanitize=thread --scratch-path .build/tsan \
		--disable-swift-testing -Xcxx -O1 --filter 'ThreadsTests|PatchesTests|ExampleTests'; \
	else $(call not_run,the Swift tests under ThreadSanitizer (swift is not on the path)); fi

# SACCADE_MLX_SWIFT names a checkout of mlx-swift, which no runner on Linux has: this step is no failure under REQUIRE_ALL=1.
SWIFT_GOLDEN := $(CURDIR)/build/swift-golden
swift-models: $(STAMPS)/dev
	@if command -v swift >/dev/null && [ -n "$${SACCADE_MLX_SWIFT#0}" ]; then \
	$(BIN)/python tests/golden/swift.py $(SWIFT_GOLDEN) && SACCADE_MODEL_GOLDEN=$(SWIFT_GOLDEN) \
		swift test -c release -Xswiftc -enable-testing --scratch-path .build/models --disable-swift-testing; \
	else echo 'NOT RUN: the Swift tests of the models (SACCADE_MLX_SWIFT names no checkout of mlx-swift)'; fi

# Compares ratios to Pillow and the scalar kernel with their least values, and writes build/profile/*.json.
profile: $(STAMPS)/dev
	$(BIN)/python benchmarks/check_profile.py --out build/profile

# Runs the rooms that call a dependency with the oldest version of each that pyproject.toml allows for this Python and
# that has a wheel; and builds the C library inside another project with the oldest CMake. Pillow before 11.3 writes no
# AVIF, which some tests need; reading it is then refused.
OLDEST := build/oldest
OLDEST_TESTS := tests/core tests/checkpoint tests/media tests/preprocess tests/models/test_golden.py \
	tests/engine/test_engine.py tests/engine/test_packaged_checkpoint.py tests/evals/test_export.py \
	tests/evals/test_statistics.py tests/evals/test_cluster.py tests/cli/test_terminal.py \
	--ignore tests/media/test_other_files.py --ignore tests/media/test_video_files.py -k 'not AVIF'
oldest: $(STAMPS)/wheel
	$(PIP) install uv
	rm -rf $(OLDEST)
	$(BIN)/uv venv -q --python $(BIN)/python $(OLDEST)
	$(BIN)/uv pip compile -q --python $(OLDEST)/bin/python --resolution lowest-direct --only-binary :all: \
		--extra fast --extra pdf --extra dashboard --extra parquet --extra cluster pyproject.toml -o $(OLDEST)/versions.txt
	$(BIN)/uv pip install -q --python $(OLDEST)/bin/python -r $(OLDEST)/versions.txt \
		pytest hypothesis jsonschema pyte 'cmake==3.20.*'
	$(BIN)/uv pip install -q --python $(OLDEST)/bin/python --no-deps $(WHEELS)/mlx_saccade-*.whl
	$(OLDEST)/bin/python -m pytest -q $(OLDEST_TESTS)
	$(OLDEST)/bin/cmake -S cpp/tests/install -B build/contained-oldest -DCMAKE_BUILD_TYPE=Release \
		-DSACCADE_SOURCE=$(CURDIR)
	$(OLDEST)/bin/cmake --build build/contained-oldest
	cd build/contained-oldest && $(CURDIR)/$(OLDEST)/bin/ctest --output-on-failure

# Compares with torch and transformers themselves; `make peers` installs them.
live: $(STAMPS)/test
	@missing=$$($(BIN)/python -c 'from importlib.util import find_spec as there; print(*[name for name in ("torch", "transformers") if there(name) is None])') && \
	if [ -z "$$missing" ]; then $(BIN)/python -m pytest -m live tests; \
	else $(call not_run,the tests marked live ($$missing not installed in $(VENV); 'make peers' installs it)); fi

# Too large for the suite: torch and mlx-vlm (several GB of packages) on the packaged checkpoint and its conversions, a
# tower with the widths of 7B at 16,384 tokens (minutes, 2.5 GB), 10,000 damaged images, an hour of fuzzing.
# Last results: tests/long/README.md.
check-long: $(STAMPS)/test
	$(PIP) install uv mlx-vlm==0.7.10 'transformers>=5.23' torch mss pyautogui scipy
	$(MAKE) live REQUIRE_ALL=1
	$(MAKE) oldest
	$(foreach version,0.7.6 0.7.9,$(PIP) install --no-deps --target build/mlx-vlm/$(version) mlx-vlm==$(version) &&) true
	MLX_VLM_VERSIONS=$(CURDIR)/build/mlx-vlm/0.7.6:$(CURDIR)/build/mlx-vlm/0.7.9 \
		$(BIN)/python -m pytest -W ignore -o norecursedirs=.git tests/long
	$(BIN)/python tests/long/mlx_vlm_own_tests.py
	cd tests && ../$(BIN)/python damaged_images.py --count 10000
	$(MAKE) fuzz FUZZ_SECONDS=720

# -- measuring and making ---------------------------------------------------------------------------------------------

# Prints every table beside the installed peers, missing ones as missing. One table:
# make bench TABLES=benchmarks/test_whole_call.py
TABLES ?= benchmarks
bench: $(STAMPS)/dev
	$(BIN)/python -m pytest -q --benchmark-columns=min,median,stddev,rounds $(TABLES)

# Stages of questions about 4K screens, as `mlx-saccade bench profile`; `mlx-saccade bench record` takes the file.
BUDGETS ?= 256,1280
ROUNDS ?= 3
bench-profile: $(STAMPS)/dev
	@mkdir -p build
	PROFILE_BUDGETS=$(BUDGETS) PROFILE_ROUNDS=$(ROUNDS) PROFILE_MODEL=$(MODEL) $(BIN)/python -m pytest -q \
		--benchmark-columns=median,rounds --benchmark-json=build/latency-profile.json benchmarks/test_latency_profile.py

# Installs what the tables compare with: torch, transformers, mlx-vlm, resizers; several GB.
peers: $(STAMPS)/dev
	$(PIP) install "$$(echo $(WHEELS)/mlx_saccade-*.whl)[bench]"

# Needs torch (CPU) and transformers in $(PYTHON), in the versions at the head of the script.
golden:
	$(PYTHON) tests/golden/make.py $(GOLDEN)

clean:
	rm -rf build .build
