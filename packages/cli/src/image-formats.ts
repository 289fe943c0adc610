import { OciImageFormat } from '@protect/proto/control-common';

const formats = {
  squashfs: OciImageFormat.SQUASHFS,
  erofs: OciImageFormat.EROFS,
  tar: OciImageFormat.TAR,
  directory: OciImageFormat.DIRECTORY,
};

export type ImageFormatName = keyof typeof formats;

/** What `--image-format` takes. */
export const imageFormats = Object.keys(formats);

/** The same on the wire; undefined leaves it to the daemon. */
export function imageFormat(name: ImageFormatName | undefined): OciImageFormat {
  return name === undefined ? OciImageFormat.UNKNOWN : formats[name];
}
