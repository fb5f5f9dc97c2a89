// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "lookup.h"

/* "vale0", "+vale0" or "-vale0" */
static int change_bridge(const char *word)
{
	bool remove = *word == '-';
	char name[IFNAMSIZ];
	size_t length;
	int error;

	if (*word == '-' || *word == '+')
		word++;
	length = strcspn(word, ":");
	if (strncmp(word, NM_BDG_NAME, strlen(NM_BDG_NAME)) || length + 2 > sizeof(name) ||
	    (word[length] && word[length + 1]))
		return -EINVAL;
	snprintf(name, sizeof(name), "%.*s:", (int)length, word);
	error = remove ? bridge_detach(name) : bridge_attach(name);
	if (error)
		pr_err("valet_lookup: cannot %s %s error %d%s\n", remove ? "leave" : "take", name,
		       error, error == -ENXIO ? ", it has no ports" : "");
	return error;
}

static int change_bridges(char *text)
{
	char *word;
	int error = 0;

	while (!error && (word = strsep(&text, ", \n")))
		if (*word)
			error = change_bridge(word);
	return error;
}

/* What the parameter was at insmod, for init; NULL afterwards. */
static char *initial_bridges;
static bool ready;

static int set_bridges(const char *value, const struct kernel_param *param)
{
	char *text;
	int error = 0;

	/* Not while the module is going: nobody would take back what comes now. */
	if (!try_module_get(THIS_MODULE))
		return -ENODEV;
	text = kstrdup(value, GFP_KERNEL);
	mutex_lock(&bridges_control);
	if (!text)
		error = -ENOMEM;
	else if (ready)
		error = change_bridges(text);
	else
		swap(initial_bridges, text);
	mutex_unlock(&bridges_control);
	kfree(text);
	module_put(THIS_MODULE);
	return error;
}

/* Those of the reader's namespace. */
static int get_bridges(char *buffer, const struct kernel_param *param)
{
	int length = bridges_print(buffer, PAGE_SIZE - 1);

	buffer[length++] = '\n';
	buffer[length] = '\0';
	return length;
}

static const struct kernel_param_ops bridges_param = { .set = set_bridges, .get = get_bridges };

module_param_cb(bridges, &bridges_param, NULL, 0600);
MODULE_PARM_DESC(bridges,
		 "Bridges that take lookup programs: vale0,vale1; at run time also -vale0");

static int __init valet_lookup_init(void)
{
	int error = packet_init();

	if (error)
		goto out;
	error = bridges_init();
	if (error)
		goto fail_packet;
	mutex_lock(&bridges_control);
	ready = true;
	if (initial_bridges)
		error = change_bridges(initial_bridges);
	if (error)
		ready = false;
	mutex_unlock(&bridges_control);
	if (!error)
		goto out;
	bridges_detach();
	bridges_exit();
fail_packet:
	packet_exit();
out:
	kfree(initial_bridges);
	initial_bridges = NULL;
	return error;
}

static void __exit valet_lookup_exit(void)
{
	bridges_exit();
	packet_exit();
}

module_init(valet_lookup_init);
module_exit(valet_lookup_exit);

MODULE_LICENSE("Dual BSD/GPL");
MODULE_DESCRIPTION("Lookup programs in eBPF for netmap's VALE");
MODULE_VERSION("0.1.0");
