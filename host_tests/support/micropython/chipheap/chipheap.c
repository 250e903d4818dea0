// Two owners in one garbage-collected heap: the program of the chip, and the virtual board.
// MIT license; part of microevse
//
// The virtual board is a Python program in the same interpreter as the firmware. Here each has
// areas of its own. The chip's come from the model of the system heap (sysheap.c) and have the
// chip's sizes; they grow by MicroPython's own rule, if the image's heap grows. The board's grow
// as it likes. So nothing that the board keeps counts against the chip, and nothing is estimated.
//
// The owner of an allocation is that of the code that runs: bytecode in the interpreter or in a
// ROMFS image, or bytecode that the chip has loaded itself, is the chip's; bytecode that lies in
// an area of the board is the board's. C code that is called belongs to its caller. So a function
// of the board that stands for C code of the chip takes nothing from the chip. What such a
// function returns as text or bytes is copied: on a chip it would be in the heap.
//
// A collection that the chip begins sweeps all areas, and counts. One that the board begins sweeps
// the board's alone: the chip's garbage stays until the chip collects.

#include <stdlib.h>
#include <string.h>

#include "py/bc.h"
#include "py/builtin.h"
#include "py/frozenmod.h"
#include "py/gc.h"
#include "py/emitglue.h"
#include "py/objarray.h"
#include "py/objfun.h"
#include "py/objlist.h"
#include "py/objmodule.h"
#include "py/objstr.h"
#include "py/runtime.h"

#include "chipheap.h"
#include "sysheap.h"

#define HOST_GROWTH (4 * 1024 * 1024)
#define AREAS (8)
#define NAMES (16384)

unsigned char chipheap_owner;
void *chipheap_last_free[2];
size_t chipheap_amount[2];
size_t chipheap_threshold[2] = {(size_t)-1, (size_t)-1};
size_t chipheap_collections[2];
void *chipheap_first_area;
bool chipheap_grows;

static bool begun;
static size_t area_region; // the first region that areas are taken from
// The chip's areas: memory of this machine, and the block of the system heap that it stands for.
static struct {
    void *memory;
    uint32_t block;
} areas[AREAS];
// Names that the board had before the chip's program began; a bit for each that the chip has.
static size_t names_from, names_to;
static byte named[NAMES / 8];

// ---- areas

void *chipheap_alloc_area(size_t size) {
    if (chipheap_owner == CHIPHEAP_HOST) {
        return malloc(size);
    }
    for (size_t i = 0; i < AREAS; ++i) {
        if (areas[i].memory == NULL) {
            uint32_t block = sysheap_take(size, area_region);
            if (block == 0) {
                return NULL;
            }
            areas[i].block = block;
            areas[i].memory = malloc(size);
            return areas[i].memory;
        }
    }
    return NULL;
}

void chipheap_free_area(void *area) {
    for (size_t i = 0; i < AREAS; ++i) {
        if (areas[i].memory == area) {
            sysheap_give(areas[i].block);
            areas[i].memory = NULL;
            free(area);
            return;
        }
    }
    free(area);
}

size_t gc_get_max_new_split(void) {
    if (chipheap_owner == CHIPHEAP_HOST) {
        return begun ? HOST_GROWTH : 0;
    }
    return chipheap_grows ? sysheap_largest() : 0;
}

static mp_state_mem_area_t *area_of(const void *ptr) {
    for (mp_state_mem_area_t *area = &MP_STATE_MEM(area); area != NULL; area = area->next) {
        if (ptr >= (void *)area->gc_pool_start && ptr < (void *)area->gc_pool_end) {
            return area;
        }
    }
    return NULL;
}

// ---- who runs

mp_vm_return_kind_t mp_execute_bytecode_inner(mp_code_state_t *code_state, volatile mp_obj_t inject);

static mp_obj_t copied(mp_obj_t value) {
    const mp_obj_type_t *type = mp_obj_is_obj(value) ? mp_obj_get_type(value) : NULL;
    if (type == &mp_type_bytes || type == &mp_type_str) {
        mp_obj_str_t *text = MP_OBJ_TO_PTR(value);
        mp_state_mem_area_t *area = area_of(text->data);
        if (area != NULL && area->owner == CHIPHEAP_HOST) {
            return mp_obj_new_str_copy(type, text->data, text->len);
        }
    }
    return value;
}

mp_vm_return_kind_t mp_execute_bytecode(mp_code_state_t *code_state, volatile mp_obj_t inject) {
    if (!begun) {
        return mp_execute_bytecode_inner(code_state, inject);
    }
    unsigned char caller = chipheap_owner;
    mp_state_mem_area_t *area = area_of(code_state->fun_bc->bytecode);
    chipheap_owner = area != NULL && area->owner == CHIPHEAP_HOST ? CHIPHEAP_HOST : CHIPHEAP_CHIP;
    unsigned char callee = chipheap_owner;
    if (caller == CHIPHEAP_CHIP && callee == CHIPHEAP_HOST) {
        // The state of a large function of the board has been taken from its caller, for as long
        // as it runs. It brings no collection nearer: C code has none.
        size_t taken = gc_nbytes(code_state) / MICROPY_BYTES_PER_GC_BLOCK;
        chipheap_amount[CHIPHEAP_CHIP] -= MIN(taken, chipheap_amount[CHIPHEAP_CHIP]);
    }
    mp_vm_return_kind_t kind = mp_execute_bytecode_inner(code_state, inject);
    chipheap_owner = caller;
    if (kind == MP_VM_RETURN_NORMAL && caller == CHIPHEAP_CHIP && callee == CHIPHEAP_HOST) {
        *code_state->sp = copied(*code_state->sp);
    }
    return kind;
}

// ---- names

qstr chipheap_qstr_add(mp_uint_t len, const char *text);

void chipheap_name(size_t q, size_t len, bool is_static) {
    if (chipheap_owner == CHIPHEAP_HOST || q < names_from || q >= names_to) {
        return;
    }
    size_t at = q - names_from;
    if (named[at / 8] & 1 << (at & 7)) {
        return;
    }
    named[at / 8] |= 1 << (at & 7);
    if (is_static || len > 255) {
        chipheap_qstr_add(0, ""); // a slot that no search finds: no name has this length
        return;
    }
    // The text too: a name of this length that nobody has.
    char other[256];
    memcpy(other, qstr_str(q), len);
    other[0] ^= 0x80;
    qstr_from_strn(other, len);
}

// ---- the module

// region(size): adds a region to the system heap; reset() takes all away.
static mp_obj_t mod_reset(void) {
    sysheap_reset();
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_0(mod_reset_obj, mod_reset);

static mp_obj_t mod_region(mp_obj_t size) {
    if (!sysheap_region(mp_obj_get_int(size))) {
        mp_raise_ValueError(MP_ERROR_TEXT("no such region"));
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(mod_region_obj, mod_region);

// take(size, first=0): the address of a block, or 0; give(address).
static mp_obj_t mod_take(size_t n_args, const mp_obj_t *args) {
    mp_int_t size = mp_obj_get_int(args[0]);
    size_t first = n_args > 1 ? mp_obj_get_int(args[1]) : 0;
    return mp_obj_new_int_from_uint(size > 0 ? sysheap_take(size, first) : 0);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(mod_take_obj, 1, 2, mod_take);

static mp_obj_t mod_give(mp_obj_t address) {
    if (!sysheap_give(mp_obj_get_int_truncated(address))) {
        mp_raise_ValueError(MP_ERROR_TEXT("no such block"));
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(mod_give_obj, mod_give);

// info(): [(total, free, largest, least)] of each region.
static mp_obj_t mod_info(void) {
    mp_obj_t list = mp_obj_new_list(0, NULL);
    for (size_t i = 0; i < sysheap_count(); ++i) {
        sysheap_info_t info = sysheap_info(i);
        mp_obj_t row[4] = {
            mp_obj_new_int_from_uint(info.total),
            mp_obj_new_int_from_uint(info.free),
            mp_obj_new_int_from_uint(info.largest),
            mp_obj_new_int_from_uint(info.least),
        };
        mp_obj_list_append(list, mp_obj_new_tuple(4, row));
    }
    return list;
}
static MP_DEFINE_CONST_FUN_OBJ_0(mod_info_obj, mod_info);

// begin(sizes, grows, first): the chip's heap has areas of these sizes, taken from the system heap
// from region `first` on, and grows or not. False if one of them is not there. Before any module
// of the chip is imported.
static mp_obj_t mod_begin(mp_obj_t sizes, mp_obj_t grows, mp_obj_t first) {
    if (begun) {
        mp_raise_ValueError(MP_ERROR_TEXT("begun already"));
    }
    area_region = mp_obj_get_int(first);
    size_t count;
    mp_obj_t *items;
    mp_obj_get_array(sizes, &count, &items);
    chipheap_owner = CHIPHEAP_CHIP;
    for (size_t i = 0; i < count; ++i) {
        size_t size = mp_obj_get_int(items[i]);
        byte *area = chipheap_alloc_area(size);
        if (area == NULL) {
            chipheap_owner = CHIPHEAP_HOST;
            return mp_const_false;
        }
        if (chipheap_first_area == NULL) {
            chipheap_first_area = area;
        }
        gc_add(area, area + size);
    }
    // The chip's own names: the pools begin anew, with the first size that a chip has.
    qstr_pool_t *pool = MP_STATE_VM(last_pool);
    names_from = pool->total_prev_len + pool->len;
    while (pool->total_prev_len >= MP_QSTRnumber_of && area_of(pool) != NULL) {
        names_from = pool->total_prev_len;
        pool = (qstr_pool_t *)pool->prev;
    }
    pool = MP_STATE_VM(last_pool);
    names_to = pool->total_prev_len + pool->len;
    if (names_to - names_from > NAMES) {
        mp_raise_ValueError(MP_ERROR_TEXT("too many names"));
    }
    if (area_of(pool) != NULL) {
        pool->alloc = MIN(pool->len, 10); // MICROPY_ALLOC_QSTR_ENTRIES_INIT; the next has twice that
    }
    MP_STATE_VM(qstr_last_chunk) = NULL;
    chipheap_owner = CHIPHEAP_HOST;
    chipheap_grows = mp_obj_is_true(grows);
    begun = true;
    return mp_const_true;
}
static MP_DEFINE_CONST_FUN_OBJ_3(mod_begin_obj, mod_begin);

// in_rom(name): the chip has this name without taking memory for it.
static mp_obj_t mod_in_rom(mp_obj_t name) {
    qstr q = mp_obj_str_get_qstr(name);
    if (q >= names_from && q < names_to) {
        named[(q - names_from) / 8] |= 1 << ((q - names_from) & 7);
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(mod_in_rom_obj, mod_in_rom);

// gc(): (bytes taken, free, largest free block, in all, collections) of the chip's heap;
// collections: those that the chip has begun.
static mp_obj_t mod_gc(void) {
    unsigned char asking = chipheap_owner;
    chipheap_owner = CHIPHEAP_CHIP;
    gc_info_t info;
    gc_info(&info);
    chipheap_owner = asking;
    mp_obj_t row[5] = {
        mp_obj_new_int_from_uint(info.used),
        mp_obj_new_int_from_uint(info.free),
        mp_obj_new_int_from_uint(info.max_free * MICROPY_BYTES_PER_GC_BLOCK),
        mp_obj_new_int_from_uint(info.total),
        mp_obj_new_int_from_uint(chipheap_collections[CHIPHEAP_CHIP]),
    };
    return mp_obj_new_tuple(5, row);
}
static MP_DEFINE_CONST_FUN_OBJ_0(mod_gc_obj, mod_gc);

// collections(): how many the chip has begun; without looking at the heap.
static mp_obj_t mod_collections(void) {
    return MP_OBJ_NEW_SMALL_INT(chipheap_collections[CHIPHEAP_CHIP] & 0x1fffffff);
}
static MP_DEFINE_CONST_FUN_OBJ_0(mod_collections_obj, mod_collections);

// size(): bytes of the chip's areas.
static mp_obj_t mod_size(void) {
    size_t size = 0;
    for (mp_state_mem_area_t *area = &MP_STATE_MEM(area); area != NULL; area = area->next) {
        if (area->owner == CHIPHEAP_CHIP) {
            size += area->gc_pool_end - area->gc_alloc_table_start;
        }
    }
    return mp_obj_new_int_from_uint(size);
}
static MP_DEFINE_CONST_FUN_OBJ_0(mod_size_obj, mod_size);

// as_chip(fn, ...): fn(...), its memory taken from the chip.
static mp_obj_t mod_as_chip(size_t n_args, const mp_obj_t *args) {
    unsigned char asking = chipheap_owner;
    nlr_buf_t nlr;
    if (nlr_push(&nlr) == 0) {
        chipheap_owner = begun ? CHIPHEAP_CHIP : CHIPHEAP_HOST;
        mp_obj_t result = mp_call_function_n_kw(args[0], n_args - 1, 0, args + 1);
        nlr_pop();
        chipheap_owner = asking;
        return result;
    }
    chipheap_owner = asking;
    nlr_jump(nlr.ret_val);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR(mod_as_chip_obj, 1, mod_as_chip);

// frozen(name, globals): run a frozen program, as the chip does with boot.py and main.py. False
// if this interpreter has none of that name.
static mp_obj_t mod_frozen(mp_obj_t name, mp_obj_t globals) {
    int type;
    void *data;
    if (mp_find_frozen_module(mp_obj_str_get_str(name), &type, &data) != MP_IMPORT_STAT_FILE) {
        return mp_const_false;
    }
    unsigned char asking = chipheap_owner;
    chipheap_owner = begun ? CHIPHEAP_CHIP : CHIPHEAP_HOST;
    const mp_frozen_module_t *frozen = data;
    mp_obj_dict_t *before_globals = mp_globals_get(), *before_locals = mp_locals_get();
    nlr_buf_t nlr;
    if (nlr_push(&nlr) == 0) {
        mp_module_context_t *context = m_new_obj(mp_module_context_t);
        context->module.base.type = &mp_type_module;
        context->module.globals = MP_OBJ_TO_PTR(globals);
        context->constants = frozen->constants;
        mp_globals_set(context->module.globals);
        mp_locals_set(context->module.globals);
        mp_obj_t program = mp_make_function_from_proto_fun(frozen->proto_fun, context, NULL);
        mp_call_function_0(program);
        nlr_pop();
        mp_globals_set(before_globals);
        mp_locals_set(before_locals);
        chipheap_owner = asking;
        return mp_const_true;
    }
    mp_globals_set(before_globals);
    mp_locals_set(before_locals);
    chipheap_owner = asking;
    nlr_jump(nlr.ret_val);
}
static MP_DEFINE_CONST_FUN_OBJ_2(mod_frozen_obj, mod_frozen);

// outside(size): a bytearray in no heap, for what a chip has in flash. It is never given back.
static mp_obj_t mod_outside(mp_obj_t size) {
    size_t length = mp_obj_get_int(size);
    return mp_obj_new_bytearray_by_ref(length, calloc(1, length));
}
static MP_DEFINE_CONST_FUN_OBJ_1(mod_outside_obj, mod_outside);

static const mp_rom_map_elem_t chipheap_globals_table[] = {
    {MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_chipheap)},
    {MP_ROM_QSTR(MP_QSTR_reset), MP_ROM_PTR(&mod_reset_obj)},
    {MP_ROM_QSTR(MP_QSTR_region), MP_ROM_PTR(&mod_region_obj)},
    {MP_ROM_QSTR(MP_QSTR_take), MP_ROM_PTR(&mod_take_obj)},
    {MP_ROM_QSTR(MP_QSTR_give), MP_ROM_PTR(&mod_give_obj)},
    {MP_ROM_QSTR(MP_QSTR_info), MP_ROM_PTR(&mod_info_obj)},
    {MP_ROM_QSTR(MP_QSTR_begin), MP_ROM_PTR(&mod_begin_obj)},
    {MP_ROM_QSTR(MP_QSTR_in_rom), MP_ROM_PTR(&mod_in_rom_obj)},
    {MP_ROM_QSTR(MP_QSTR_gc), MP_ROM_PTR(&mod_gc_obj)},
    {MP_ROM_QSTR(MP_QSTR_collections), MP_ROM_PTR(&mod_collections_obj)},
    {MP_ROM_QSTR(MP_QSTR_size), MP_ROM_PTR(&mod_size_obj)},
    {MP_ROM_QSTR(MP_QSTR_as_chip), MP_ROM_PTR(&mod_as_chip_obj)},
    {MP_ROM_QSTR(MP_QSTR_frozen), MP_ROM_PTR(&mod_frozen_obj)},
    {MP_ROM_QSTR(MP_QSTR_outside), MP_ROM_PTR(&mod_outside_obj)},
};
static MP_DEFINE_CONST_DICT(chipheap_globals, chipheap_globals_table);

const mp_obj_module_t chipheap_module = {
    .base = {&mp_type_module},
    .globals = (mp_obj_dict_t *)&chipheap_globals,
};
MP_REGISTER_MODULE(MP_QSTR_chipheap, chipheap_module);
