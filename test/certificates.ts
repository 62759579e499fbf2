import {execFileSync} from 'node:child_process';
import {mkdtempSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';

export interface Pki {
  /** Whoever makes it removes it. */
  readonly folder: string;
  /** Paths of PEM files in it. */
  readonly ca: string;
  readonly cert: (name: string) => string;
  readonly key: (name: string) => string;
}

/** What a certificate is good for: this machine, a name, the first node of a lab. */
const HOSTS = 'subjectAltName=IP:127.0.0.1,DNS:api.test,IP:192.168.77.11';

/** A certificate authority with a certificate for each name, by openssl. Subjects: `/CN=` and the name, or as told. */
export function issue(subjects: {readonly [name: string]: string}): Pki {
  const folder = mkdtempSync(join(tmpdir(), 'flanctl-pki-'));
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '30'];
  const made = (name: string, subject: string, more: readonly string[] = []): unknown =>
    execFileSync('openssl', ['req', '-x509', ...key, '-subj', subject, '-keyout', `${name}.key`, '-out', `${name}.pem`, ...more], {
      cwd: folder,
      stdio: 'pipe',
    });
  made('ca', '/CN=test CA');
  const extensions = [HOSTS, 'basicConstraints=critical,CA:FALSE', 'extendedKeyUsage=serverAuth,clientAuth'];
  for (const [name, subject] of Object.entries(subjects))
    made(name, subject, ['-CA', 'ca.pem', '-CAkey', 'ca.key', ...extensions.flatMap((e) => ['-addext', e])]);
  return {folder, ca: join(folder, 'ca.pem'), cert: (name) => join(folder, `${name}.pem`), key: (name) => join(folder, `${name}.key`)};
}
