// SPDX-License-Identifier: BSD-3-Clause
/*
 * What the UEFI firmware knows: ACPI tables, the framebuffer, the command line, and a file beside
 * the application. Nothing here can fail: what is not there is left out.
 */
#include "uefi.h"

#define PATH_CHARS 256

static EFI_GUID guid_file_system = EFI_SIMPLE_FILE_SYSTEM_PROTOCOL_GUID;
static EFI_GUID guid_gop = EFI_GRAPHICS_OUTPUT_PROTOCOL_GUID;
static const EFI_GUID guid_acpi20 = ACPI_20_TABLE_GUID;
static const EFI_GUID guid_acpi10 = ACPI_TABLE_GUID;

static BOOLEAN guid_equal(const EFI_GUID *a, const EFI_GUID *b)
{
    const UINT64 *x = (const UINT64 *)a, *y = (const UINT64 *)b;

    return x[0] == y[0] && x[1] == y[1];
}

static UINT64 find_rsdp(void)
{
    UINT64 rsdp = 0;

    for (UINTN i = 0; i < uefi_st->NumberOfTableEntries; i++) {
        const EFI_CONFIGURATION_TABLE *t = &uefi_st->ConfigurationTable[i];
        if (guid_equal(&t->VendorGuid, &guid_acpi20))
            return (UINT64)t->VendorTable;
        if (guid_equal(&t->VendorGuid, &guid_acpi10))
            rsdp = (UINT64)t->VendorTable;
    }
    return rsdp;
}

/* The mode that the firmware chose; none if its pixels cannot be written to directly. */
static void find_framebuffer(struct boot_framebuffer *fb)
{
    EFI_GRAPHICS_OUTPUT_PROTOCOL *gop;
    const EFI_GRAPHICS_OUTPUT_MODE_INFORMATION *mode;

    if (EFI_ERROR(uefi_bs->LocateProtocol(&guid_gop, NULL, (VOID **)&gop)) || gop->Mode == NULL)
        return;
    mode = gop->Mode->Info;
    if (mode->PixelFormat != PixelRedGreenBlueReserved8BitPerColor &&
        mode->PixelFormat != PixelBlueGreenRedReserved8BitPerColor)
        return;
    fb->base = gop->Mode->FrameBufferBase;
    fb->width = mode->HorizontalResolution;
    fb->height = mode->VerticalResolution;
    fb->pitch = mode->PixelsPerScanLine * 4;
    fb->is_rgb = mode->PixelFormat == PixelRedGreenBlueReserved8BitPerColor;
}

/* Length of the program's name in front of a command line, as shells put it there; 0 = there is
 * none. The name ends in ".efi", in whatever case and perhaps within quotes; no key of ours does.
 */
static UINTN program_name(const char *s)
{
    const char *end = s;
    char stop = ' ';

    if (*s == '"') {
        stop = '"';
        end++;
    }
    while (*end != 0 && *end != stop)
        end++;
    if (end - s < 4 || end[-4] != '.' || (end[-3] | 0x20) != 'e' || (end[-2] | 0x20) != 'f' ||
        (end[-1] | 0x20) != 'i')
        return 0;
    return (UINTN)(end - s) + (stop == '"' && *end == '"');
}

/* Load options are UTF-16 by custom only; some firmware puts binary data there. Without a '=' and
 * with anything but ASCII in it, it is not a command line. What is one but has such characters
 * keeps a '?' for each, and the parser refuses it. */
static void read_load_options(const EFI_LOADED_IMAGE *li, struct boot_info *info)
{
    const CHAR16 *s = li->LoadOptions;
    UINTN chars = s != NULL ? li->LoadOptionsSize / sizeof(*s) : 0;
    BOOLEAN ascii = TRUE, assigns = FALSE;
    UINTN n = 0, skip;

    while (n < chars && s[n] != 0) {
        if (s[n] > '~' || (s[n] < ' ' && s[n] != '\t' && s[n] != '\r' && s[n] != '\n'))
            ascii = FALSE;
        if (s[n] == '=')
            assigns = TRUE;
        n++;
    }
    if (!ascii && !assigns)
        return;
    info->cmdline_truncated = n > BOOT_TEXT_MAX - 1;
    if (n > BOOT_TEXT_MAX - 1)
        n = BOOT_TEXT_MAX - 1;
    for (UINTN i = 0; i < n; i++)
        info->cmdline[i] = (char)(s[i] <= '~' ? s[i] : '?');
    skip = program_name(info->cmdline);
    while (info->cmdline[skip] == ' ')
        skip++;
    uefi_copy(info->cmdline, info->cmdline + skip, BOOT_TEXT_MAX - skip);
}

/* The folder of this application as a path, '\' at its end; "\" if the firmware does not say. */
static UINTN application_folder(const EFI_LOADED_IMAGE *li, CHAR16 path[PATH_CHARS])
{
    const EFI_DEVICE_PATH *dp = li->FilePath;
    UINTN n = 0, folder = 0;

    path[n++] = '\\';
    for (; dp != NULL && !IsDevicePathEndType(dp); dp = NextDevicePathNode(dp)) {
        const CHAR16 *name = ((const FILEPATH_DEVICE_PATH *)dp)->PathName;
        UINTN chars = (DevicePathNodeLength(dp) - sizeof(*dp)) / sizeof(*name);
        if (DevicePathType(dp) != MEDIA_DEVICE_PATH || DevicePathSubType(dp) != MEDIA_FILEPATH_DP)
            continue;
        if (n > 1 && path[n - 1] != '\\' && n < PATH_CHARS)
            path[n++] = '\\';
        for (UINTN i = 0; i < chars && name[i] != 0 && n < PATH_CHARS; i++)
            if (name[i] != '\\' || path[n - 1] != '\\')
                path[n++] = name[i];
    }
    for (UINTN i = 0; i < n; i++)
        if (path[i] == '\\')
            folder = i + 1;
    return folder;
}

/* Opens folder + "antifreeze.conf"; the folder is the first n characters of path. */
static EFI_FILE *open_conf(EFI_FILE *root, CHAR16 path[PATH_CHARS], UINTN n)
{
    static const CHAR16 name[] = L"antifreeze.conf";
    EFI_FILE *file;

    if (n + sizeof(name) / sizeof(name[0]) > PATH_CHARS)
        return NULL;
    uefi_copy(path + n, name, sizeof(name));
    if (EFI_ERROR(root->Open(root, &file, path, EFI_FILE_MODE_READ, 0)))
        return NULL;
    return file;
}

static void read_conf(const EFI_LOADED_IMAGE *li, struct boot_info *info)
{
    EFI_FILE_IO_INTERFACE *fs;
    EFI_FILE *root, *file;
    CHAR16 path[PATH_CHARS];
    UINTN n;

    if (EFI_ERROR(uefi_bs->HandleProtocol(li->DeviceHandle, &guid_file_system, (VOID **)&fs)) ||
        EFI_ERROR(fs->OpenVolume(fs, &root)))
        return;
    file = open_conf(root, path, application_folder(li, path));
    if (file == NULL)
        file = open_conf(root, path, 1); /* the root folder */
    if (file != NULL) {
        n = BOOT_TEXT_MAX;
        if (EFI_ERROR(file->Read(file, &n, info->conf)))
            n = 0;
        info->conf_truncated = n == BOOT_TEXT_MAX;
        info->conf[n < BOOT_TEXT_MAX ? n : BOOT_TEXT_MAX - 1] = 0;
        file->Close(file);
    }
    root->Close(root);
}

void uefi_find_info(const EFI_LOADED_IMAGE *li, struct boot_info *info)
{
    info->rsdp = find_rsdp();
    find_framebuffer(&info->fb);
    read_load_options(li, info);
    read_conf(li, info);
}
