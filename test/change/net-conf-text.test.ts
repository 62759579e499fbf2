import {expect, test} from 'vitest';
import {netConfText} from '../../src/core/change/migration/net-conf-text.js';

const after = {Network: '10.244.0.0/16', Backend: {Type: 'host-gw'}};

test.each([
  ['{"Network":"10.244.0.0/16","Backend":{"Type":"vxlan"}}', '{"Network":"10.244.0.0/16","Backend":{ "Type": "host-gw" }}'],
  // As the manifest of flannel has it, in a ConfigMap.
  [
    '{\n  "Network": "10.244.0.0/16",\n  "EnableNFTables": false,\n  "Backend": {\n    "Type": "vxlan"\n  }\n}\n',
    '{\n  "Network": "10.244.0.0/16",\n  "EnableNFTables": false,\n  "Backend": {\n    "Type": "host-gw"\n  }\n}\n',
  ],
  // Nested keys of the same name, brackets in strings, a comma inside: none of it is the member.
  [
    '{"X": {"Backend": 1, "a": [{}, "}"]}, "bACKEND" : {"Type":"vxlan","k":"a,\\"}b"} , "Z":[1,2]}',
    '{"X": {"Backend": 1, "a": [{}, "}"]}, "bACKEND" : { "Type": "host-gw" } , "Z":[1,2]}',
  ],
  ['{"Network":"10.244.0.0/16"}', '{"Backend": { "Type": "host-gw" }, "Network":"10.244.0.0/16"}'],
  ['{"Backend":null,"Network":"10.244.0.0/16"}', '{"Backend":{ "Type": "host-gw" },"Network":"10.244.0.0/16"}'],
  ['\t{\n\t"Backend": {\n\t\t"Type": "vxlan"\n\t}, "Network": "x"}', '\t{\n\t"Backend": {\n\t\t"Type": "host-gw"\n\t}, "Network": "x"}'],
  ['{}', '{"Backend": { "Type": "host-gw" }}'],
])('only the Backend changes: %j', (text, want) => {
  expect(netConfText(text, after)).toBe(want);
  expect(JSON.parse(want)).toBeTypeOf('object');
});

test.each(['', 'null', '[1]', '"x"', '{"Backend":1,"backend":2}', '{'])('what nobody can edit is not edited: %j', (text) => {
  expect(netConfText(text, after)).toBeUndefined();
});
