// SPDX-License-Identifier: BSD-2-Clause
// leave.cc - a C++ program's ways past a return: exceptions, caught here or further out, with destructors on the way.
#include <stdexcept>

static int alive;

struct guard {
	guard() { alive++; }
	~guard() { alive--; }
};

extern "C" {
int cxx_alive(void) { return alive; }

__attribute__((noipa)) int cxx_thrower(int depth)
{
	guard g;

	if (!depth)
		throw std::runtime_error("far");
	return cxx_thrower(depth - 1) + 1;
}

__attribute__((noipa)) int cxx_catcher(int depth)
{
	guard g;

	try {
		return cxx_thrower(depth);
	} catch (const std::runtime_error &e) {
		return -depth;
	}
}

__attribute__((noipa)) int cxx_rethrower(int depth)
{
	try {
		return cxx_thrower(depth);
	} catch (...) {
		guard g;
		throw;
	}
}

__attribute__((noipa)) int cxx_outer(int depth)
{
	try {
		return cxx_rethrower(depth);
	} catch (const std::exception &e) {
		return -1000 - depth;
	}
}
}
