/** What is between Tencent's machines, for a trace to say of the hop that nobody sees ([S4] of model/cloud-modes.md). */
export const tkeHosts: readonly string[] = [
  'virtio to the physical host, GRE to the host of the receiver, virtio again (deduced, never seen)',
];
