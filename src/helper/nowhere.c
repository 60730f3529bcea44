/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nowhere.c - helpers of program types that nothing runs here, not even a test run: their programs
 * load and are verified, and these functions are never reached. Whoever brings such a type to life
 * takes its helpers from here.
 */
#include "helper/fn.h"

#define NOWHERE(name)                    \
	HELPER_FN(name)                  \
	{                                \
		return (u64)-EOPNOTSUPP; \
	}

/* cgroup hooks */
NOWHERE(get_retval)
NOWHERE(set_retval)
NOWHERE(setsockopt)
NOWHERE(bind)
NOWHERE(sysctl_get_name)
NOWHERE(sysctl_get_current_value)
NOWHERE(sysctl_get_new_value)
NOWHERE(sysctl_set_new_value)
/* TCP's own events */
NOWHERE(sock_ops_cb_flags_set)
NOWHERE(load_hdr_opt)
NOWHERE(store_hdr_opt)
NOWHERE(reserve_hdr_opt)
NOWHERE(sock_map_update)
NOWHERE(sock_hash_update)
/* messages and streams of sockets */
NOWHERE(msg_redirect_map)
NOWHERE(msg_redirect_hash)
NOWHERE(msg_apply_bytes)
NOWHERE(msg_cork_bytes)
NOWHERE(msg_pull_data)
NOWHERE(msg_push_data)
NOWHERE(msg_pop_data)
NOWHERE(sk_redirect_map)
NOWHERE(sk_redirect_hash)
/* remote controls */
NOWHERE(rc_repeat)
NOWHERE(rc_keydown)
NOWHERE(rc_pointer_rel)
/* no file is a socket, as there are none */
HELPER_FN(sock_from_file)
{
	return 0;
}

/* functions, files and events of a kernel */
NOWHERE(inode_storage_delete)
HELPER_FN(inode_storage_get)
{
	return 0;
}
NOWHERE(read_branch_records)
