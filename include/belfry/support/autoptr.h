/* SPDX-License-Identifier: MIT */
/*
 * Variables that clean up after themselves when they go out of scope, however that happens. The
 * header that declares a type defines its clean-up once:
 *
 *	DEFINE_AUTOPTR(foo_t, foo_free)		__autoptr(foo_t) foo = foo_new();
 *	DEFINE_AUTOVAR_STRUCT(bar, bar_fini)	__autovar_s(bar) bar = {};
 *
 * An autoptr that is NULL is left alone, so setting it to NULL passes ownership on. An autovar is
 * always cleaned up: initialise it where it is declared.
 */
#ifndef BELFRY_SUPPORT_AUTOPTR_H
#define BELFRY_SUPPORT_AUTOPTR_H

#define __AUTOPTR_CLEANUP(t)	    __autoptr_cleanup_##t
#define __AUTOPTR_T(t)		    __autoptr_##t
#define __AUTOVAR_STRUCT_CLEANUP(t) __autovar_s_cleanup_##t
#define __AUTOVAR_STRUCT_T(t)	    __autovar_s_##t

/**
 * DEFINE_AUTOPTR() - make __autoptr(t) known
 * @t: type, one word
 * @cleanup: function that takes a t pointer; not called for NULL
 *
 * Context: file scope, after both are declared.
 */
#define DEFINE_AUTOPTR(t, cleanup)                        \
	typedef t *__AUTOPTR_T(t);                        \
	static inline void __AUTOPTR_CLEANUP(t)(t * *ptr) \
	{                                                 \
		if (*ptr)                                 \
			(cleanup)(*ptr);                  \
	}

/**
 * __autoptr() - declare a pointer that is cleaned up at the end of its scope
 * @t: type that DEFINE_AUTOPTR() was used with
 *
 * Context: block scope; initialise the variable.
 */
#define __autoptr(t) __attribute__((cleanup(__AUTOPTR_CLEANUP(t)))) __AUTOPTR_T(t)

/**
 * DEFINE_AUTOVAR_STRUCT() - make __autovar_s(t) known
 * @t: tag of a struct
 * @cleanup: function that takes a struct t pointer
 *
 * Context: file scope, after both are declared.
 */
#define DEFINE_AUTOVAR_STRUCT(t, cleanup)                              \
	typedef struct t __AUTOVAR_STRUCT_T(t);                        \
	static inline void __AUTOVAR_STRUCT_CLEANUP(t)(struct t * var) \
	{                                                              \
		(cleanup)(var);                                        \
	}

/**
 * __autovar_s() - declare a struct that is cleaned up at the end of its scope
 * @t: tag that DEFINE_AUTOVAR_STRUCT() was used with
 *
 * Context: block scope; initialise the variable.
 */
#define __autovar_s(t) __attribute__((cleanup(__AUTOVAR_STRUCT_CLEANUP(t)))) __AUTOVAR_STRUCT_T(t)

#endif /* BELFRY_SUPPORT_AUTOPTR_H */
