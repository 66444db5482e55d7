/* SPDX-License-Identifier: MIT */
/*
 * What is not on the way of a command: merging, percentiles, the chart.
 */
#include "tools/hist.h"

#include <stdio.h>

#include "tools/text.h"

#define CHART_ROWS  14
#define CHART_WIDTH 44

void hist_merge(struct hist *hist, const struct hist *other)
{
	if (!other->count)
		return;
	if (!hist->count || other->min < hist->min)
		hist->min = other->min;
	if (other->max > hist->max)
		hist->max = other->max;
	hist->count += other->count;
	hist->sum += other->sum;
	for (unsigned int i = 0; i < HIST_NR_SLOTS; i++)
		hist->slots[i] += other->slots[i];
}

uint64_t hist_slot_low(unsigned int slot)
{
	unsigned int shift;

	if (slot < HIST_SUB)
		return slot;
	shift = slot / HIST_SUB - 1;
	return (uint64_t)(HIST_SUB + slot % HIST_SUB) << shift;
}

double hist_percentile(const struct hist *hist, double percent)
{
	double want = (double)hist->count * percent / 100, middle;
	uint64_t seen = 0;
	unsigned int i;

	if (!hist->count)
		return 0;
	for (i = 0; i < HIST_NR_SLOTS - 1; i++) {
		seen += hist->slots[i];
		if (seen && (double)seen >= want)
			break;
	}
	middle = (double)(hist_slot_low(i) + hist_slot_low(i + 1) - 1) / 2;
	if (middle < (double)hist->min)
		return (double)hist->min;
	return middle > (double)hist->max ? (double)hist->max : middle;
}

double hist_mean(const struct hist *hist)
{
	return hist->count ? (double)hist->sum / (double)hist->count : 0;
}

static void chart_row(const char *mark, double ns, uint64_t count, uint64_t total, uint64_t most)
{
	double part = count < most ? (double)count / (double)most : 1;
	double percent = 100.0 * (double)count / (double)total;
	char bar[184];

	text_bar(part, CHART_WIDTH, bar);
	printf("  %s ", mark);
	text_print_right(text_time(ns), 8);
	/* Between "some" and 0.01 % there is nothing worth a digit. */
	if (count && percent < 0.005)
		printf("  %s  <0.01 %%\n", bar);
	else
		printf("  %s  %5.2f %%\n", bar, percent);
}

/*
 * Edges of the classes are edges of slots, so that no slot is split. Slots grow by the octave, so
 * equal numbers of them are equal factors, nearly.
 */
static unsigned int chart_edges(const struct hist *hist, unsigned int edges[CHART_ROWS + 1])
{
	unsigned int first = hist_slot((uint64_t)hist_percentile(hist, 0.5));
	unsigned int last = hist_slot((uint64_t)hist_percentile(hist, 99)) + 1;
	unsigned int nr = last - first < CHART_ROWS ? last - first : CHART_ROWS;

	for (unsigned int row = 0; row <= nr; row++)
		edges[row] = first + (last - first) * row / nr;
	return nr + 1;
}

void hist_chart(const struct hist *hist, double scale)
{
	unsigned int edges[CHART_ROWS + 1], nr, slot = 0;
	uint64_t rows[CHART_ROWS + 1] = {0}, below = 0, above = 0, most = 0;

	if (!hist->count)
		return;
	nr = chart_edges(hist, edges);
	for (; slot < HIST_NR_SLOTS; slot++) {
		unsigned int row = 0;

		while (row < nr && slot >= edges[row])
			row++;
		*(!row ? &below : row == nr ? &above : &rows[row - 1]) += hist->slots[slot];
	}
	for (unsigned int row = 0; row + 1 < nr; row++)
		most = rows[row] > most ? rows[row] : most;

	if (below)
		chart_row(" <", (double)hist_slot_low(edges[0]) * scale, below, hist->count, most);
	for (unsigned int row = 0; row + 1 < nr; row++)
		chart_row("  ", (double)hist_slot_low(edges[row]) * scale, rows[row], hist->count,
			  most);
	if (above)
		chart_row(text_unicode() ? " ≥" : ">=",
			  (double)hist_slot_low(edges[nr - 1]) * scale, above, hist->count, most);
}
