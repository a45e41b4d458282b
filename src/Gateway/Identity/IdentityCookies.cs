using Microsoft.AspNetCore.Authentication.Cookies;

namespace Gateway.Identity;

/// <summary>
/// The gateway's cookies. A workspace shares our origin, so it must never see one, and on https the <c>__Host-</c> prefix keeps sibling hosts from
/// setting one. The forwarder strips every cookie that <see cref="IsOurs"/> names.
/// </summary>
internal static class IdentityCookies
{
    public const string Plain = "gateway";
    public const string Host = "__Host-gateway";
    public const string Correlation = "gateway.sign-in.";
    public const string Nonce = "gateway.nonce.";
    public const string Form = "gateway.form";
    public const string Console = "gateway.console";
    public const string ConsoleHost = "__Host-gateway.console";
    public const string Credentials = "gateway.credentials";
    public const string CredentialsHost = "__Host-gateway.credentials";

    /// <summary>A browser takes a name with it only from https, from the host itself, for all of its paths.</summary>
    public const string HostPrefix = "__Host-";

    /// <summary>A cookie is ours when its name is <see cref="Plain"/> or begins with one of these.</summary>
    public static readonly string[] Prefixes = [Host, "gateway."];

    // A browser keeps a pair of these for each sign-in begun and not finished.
    private const int MaximumPending = 6;

    /// <summary>Without regard to case, because the server finds cookies so: a workspace's <c>GATEWAY</c> would be taken for ours.</summary>
    public static bool IsOurs(ReadOnlySpan<char> name)
    {
        if (name.Equals(Plain, StringComparison.OrdinalIgnoreCase))
        {
            return true;
        }

        foreach (var prefix in Prefixes)
        {
            if (name.StartsWith(prefix, StringComparison.OrdinalIgnoreCase))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>
    /// A cookie's value as it was sent, the last where several have just this name; null: none has. The server's own reading takes no account of case, and a
    /// script of a workspace can set a name in other letters beside ours, which it cannot touch.
    /// </summary>
    /// <param name="request">Whose cookies.</param>
    /// <param name="name">As it was set.</param>
    /// <param name="several">More than one has the name: a narrower path shadows the one that was set.</param>
    public static string? Read(HttpRequest request, string name, out bool several)
    {
        several = false;
        var found = default((string Line, Range Value)?);
        foreach (var line in request.Headers.Cookie)
        {
            foreach (var pair in line.AsSpan().Split(';'))
            {
                if (ValueOf(line, pair, name) is { } value)
                {
                    several = found is not null;
                    found = (line!, value);
                }
            }
        }

        return found is var (text, range) ? text[range] : null;
    }

    private static Range? ValueOf(ReadOnlySpan<char> line, Range pair, string name)
    {
        var (start, length) = pair.GetOffsetAndLength(line.Length);
        var end = start + length;
        while (start < end && line[start] == ' ')
        {
            start++;
        }

        while (end > start && line[end - 1] == ' ')
        {
            end--;
        }

        return line[start..end].StartsWith(name, StringComparison.Ordinal) && start + name.Length < end && line[start + name.Length] == '=' ? (start + name.Length + 1)..end : null;
    }

    public static string SignInName(HttpRequest request) => request.IsHttps ? Host : Plain;

    public static string ConsoleName(HttpRequest request) => request.IsHttps ? ConsoleHost : Console;

    public static string CredentialsName(HttpRequest request) => request.IsHttps ? CredentialsHost : Credentials;

    public static bool HasSignIn(HttpRequest request) => Read(request, SignInName(request), out _) is not null;

    /// <summary>Forgets abandoned sign-ins, so that they never pile up into headers too large to send.</summary>
    public static void ForgetPending(HttpContext context)
    {
        var pending = context.Request.Cookies.Keys.Where(IsPending).ToList();
        if (pending.Count <= MaximumPending)
        {
            return;
        }

        foreach (var name in pending)
        {
            context.Response.Cookies.Delete(name, new CookieOptions { Path = "/", HttpOnly = true, Secure = context.Request.IsHttps, SameSite = SameSiteMode.Lax });
        }
    }

    private static bool IsPending(string name)
    {
        var plain = name.StartsWith(HostPrefix, StringComparison.Ordinal) ? name.AsSpan(HostPrefix.Length) : name;
        return plain.StartsWith(Correlation, StringComparison.Ordinal) || plain.StartsWith(Nonce, StringComparison.Ordinal);
    }
}

/// <summary>One of the gateway's sign-in cookies, named by the request's scheme. Never chunks: the cookie is a handle.</summary>
internal sealed class SignInCookie(Func<HttpRequest, string> nameOf) : ICookieManager
{
    // Not on the callback: the cookie handler would give a new sign-in the handle of the old one, which somebody else may have planted.
    public string? GetRequestCookie(HttpContext context, string key) =>
        context.Request.Path == IdentityPaths.Callback || context.Request.Path == IdentityPaths.CredentialsCallback ? null : IdentityCookies.Read(context.Request, nameOf(context.Request), out _);

    public void AppendResponseCookie(HttpContext context, string key, string? value, CookieOptions options) =>
        context.Response.Cookies.Append(nameOf(context.Request), value ?? "", AtRoot(options));

    public void DeleteCookie(HttpContext context, string key, CookieOptions options) =>
        context.Response.Cookies.Delete(nameOf(context.Request), AtRoot(options));

    // __Host- demands the root path and no domain.
    private static CookieOptions AtRoot(CookieOptions options) => new(options) { Path = "/", Domain = null };
}
