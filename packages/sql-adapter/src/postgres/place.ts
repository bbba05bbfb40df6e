/** Where a store is, as errors may say it: without user and password. */
export function placeOf({ connectionString, schema }: { readonly connectionString: string; readonly schema: string }) {
  const url = addressOf(connectionString);
  const host = url?.searchParams.get('host') || decode(url?.hostname ?? '') || 'the default host';
  const port = url?.searchParams.get('port') || url?.port;
  const database = decode(url?.pathname.slice(1) ?? '');
  const at = host.startsWith('/') || !port ? host : `${host}:${port}`;
  return `PostgreSQL at ${at}${database ? `, database "${database}"` : ''}, schema "${schema}"`;
}

/** The address in a connection string; undefined where it is none. Its host may be missing, for one in the parameters. */
/** Passwords of an address, as they are written in it and as the server gets them; and the one of the environment. */
export function passwordsOf(connectionString: string): string[] {
  const url = addressOf(connectionString);
  const written = url?.password ?? '';
  const given = [written, decode(written), url?.searchParams.get('password'), process.env['PGPASSWORD']];
  return given.flatMap((each) => each || []);
}

export function addressOf(connectionString: string): URL | undefined {
  for (const text of [connectionString, connectionString.replace('@/', '@localhost/')]) {
    try {
      return new URL(text);
    } catch {
      // Perhaps the other way.
    }
  }
  return undefined;
}

const decode = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
};
