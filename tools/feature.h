/* SPDX-License-Identifier: MIT */
/*
 * The features that have a name here, and how they are printed.
 */
#ifndef BELFRY_TOOLS_FEATURE_H
#define BELFRY_TOOLS_FEATURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/field.h"
#include "tools/out.h"

/**
 * struct feature - a feature
 * @name: what it is called here; NULL ends the table
 * @fid: its identifier
 * @label: what it is called in the specification
 * @fields: of its value, or NULL
 * @data_len: bytes of data that its value is, 0 when it is a dword
 * @print_data: prints the data; NULL for a dump
 * @per_ns: it is a namespace's
 */
struct feature {
	const char *name;
	uint8_t fid;
	const char *label;
	const struct field *fields;
	size_t data_len;
	void (*print_data)(struct out *out, const void *data, size_t len);
	bool per_ns;
};

extern const struct feature features[];

/**
 * feature_find() - find a feature by name
 * @name: its name
 *
 * Return: the feature, or NULL.
 */
const struct feature *feature_find(const char *name);

/**
 * feature_find_fid() - find a feature by identifier
 * @fid: its identifier
 *
 * Return: the feature, or NULL.
 */
const struct feature *feature_find_fid(uint8_t fid);

/**
 * feature_print() - print a feature
 * @out: document; the feature becomes an object of its innermost array
 * @feature: feature
 * @value: dword
 * @data: its data, or NULL
 * @len: bytes of data
 */
void feature_print(struct out *out, const struct feature *feature, uint32_t value, const void *data,
		   size_t len);

/**
 * feature_print_caps() - print what can be done to a feature
 * @out: document; the feature becomes an object of its innermost array
 * @feature: feature
 * @caps: NVM_FEATURES_CAP_*
 */
void feature_print_caps(struct out *out, const struct feature *feature, uint32_t caps);

#endif /* BELFRY_TOOLS_FEATURE_H */
