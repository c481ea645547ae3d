/* The adapter to copy, around the toy stack. */
#ifndef HARNESS_SUT_TEMPLATE_H
#define HARNESS_SUT_TEMPLATE_H

#include "harness/sut.h"

extern const struct sut_ops sut_template;

#endif
