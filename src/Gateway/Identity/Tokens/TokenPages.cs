using System.Globalization;
using System.Text;
using Gateway.Identity.Pages;
using Microsoft.Extensions.Options;

namespace Gateway.Identity.Tokens;

/// <summary>A user's own page of their tokens.</summary>
internal static class TokenPages
{
    public static async Task ListAsync(HttpContext context, PersonalTokens tokens, PageForms forms, CredentialsOrigin credentials, IOptions<IdentityOptions> options)
    {
        if (!PageForms.IsBySignIn(context))
        {
            await RefusalResponse.WriteAsync(context, IdentityRefusals.NeedsBrowser);
            return;
        }

        var listed = await tokens.ListAsync(context.User.GetUserId());
        var field = forms.HiddenField(context);
        var most = (int)options.Value.MaximumTokenLifetime.TotalDays;
        await IdentityPage.WriteAsync(context, "Access tokens", $"""
            <p>A token lets a program or a terminal reach your workspace as you: <code>Authorization: Bearer {TokenText.Prefix}…</code>. Signed in as {IdentityPage.Encode(context.User.GetUserId().Value)}.</p>
            {Table(listed, field)}
            <h2>New token</h2>
            <form method="post" action="{IdentityPaths.Tokens}">
            {field}
            <label>What it is for <input name="label" required maxlength="{TokenMaking.LongestLabel}" autocomplete="off"></label>
            <label>Ends after <input name="days" type="number" min="1" max="{most}" value="{Math.Min(30, most)}" required> days</label>
            <p><button>Make token</button>{(credentials.IsAt(context) ? "" : " <small>You will be asked to sign in once more.</small>")}</p>
            </form>
            """);
    }

    public static async Task MakeAsync(HttpContext context, PageForms forms, FreshSignIn fresh, IOptions<IdentityOptions> options)
    {
        if (!PageForms.IsBySignIn(context))
        {
            await RefusalResponse.WriteAsync(context, IdentityRefusals.NeedsBrowser);
            return;
        }

        if (await forms.ReadAsync(context) is not { } form)
        {
            return;
        }

        var wish = new TokenMaking.Wish(form["label"].ToString().Trim(), int.TryParse(form["days"], NumberStyles.None, CultureInfo.InvariantCulture, out var days) ? days : 0);
        await (wish.IsWithin(options.Value.MaximumTokenLifetime)
            ? fresh.AskAsync(context, TokenMaking.ActionName, wish.ToString())
            : RefusalResponse.WriteAsync(context, IdentityRefusals.BadTokenForm));
    }

    public static async Task RevokeAsync(HttpContext context, PersonalTokens tokens, PageForms forms, Audit audit)
    {
        if (!PageForms.IsBySignIn(context))
        {
            await RefusalResponse.WriteAsync(context, IdentityRefusals.NeedsBrowser);
            return;
        }

        if (await forms.ReadAsync(context) is not { } form)
        {
            return;
        }

        var (id, user) = (form["id"].ToString(), context.User.GetUserId());
        var label = (await tokens.ListAsync(user)).FirstOrDefault(listed => listed.Id == id)?.Token.Label;
        if (await tokens.RevokeAsync(id, user))
        {
            audit.TokenRevoked(context, user, label ?? "-");
        }

        context.Response.Headers.Location = IdentityPaths.Tokens;
        context.Response.StatusCode = StatusCodes.Status303SeeOther;
    }

    private static string Table(IReadOnlyList<ListedToken> listed, string field)
    {
        if (listed.Count == 0)
        {
            return "<p>You have no tokens.</p>";
        }

        var rows = new StringBuilder("<table><tr><th>For</th><th>Made</th><th>Ends</th><th>Last used</th><th></th></tr>");
        foreach (var (id, token, lastUsed) in listed)
        {
            rows.Append(CultureInfo.InvariantCulture, $"""
                <tr><td>{IdentityPage.Encode(token.Label)}</td><td>{Day(token.Made)}</td><td>{Day(token.Expires)}</td><td>{(lastUsed is { } at ? Minute(at) : "never")}</td>
                <td><form method="post" action="{IdentityPaths.RevokeToken}">{field}<input type="hidden" name="id" value="{IdentityPage.Encode(id)}"><button>Revoke</button></form></td></tr>
                """);
        }

        return rows.Append("</table>").ToString();
    }

    private static string Day(DateTimeOffset at) => at.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);

    private static string Minute(DateTimeOffset at) => at.ToString("yyyy-MM-dd HH:mm 'UTC'", CultureInfo.InvariantCulture);
}
