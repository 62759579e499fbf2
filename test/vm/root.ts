/** Devices are root's to make. As somebody else these tests are skipped, and counted so; as root they run or fail. */
export const root = process.getuid?.() === 0;
