using System.Text.Json.Serialization;
using Gateway.Identity.Pages;
using Microsoft.Extensions.Options;

namespace Gateway.Identity.Devices;

/// <summary>What a device asks (forms in, JSON out, as RFC 8628 has it), and the page on which a person decides.</summary>
internal static partial class DeviceEndpoints
{
    private const string GrantType = "urn:ietf:params:oauth:grant-type:device_code";
    private const int LongestClient = 40;

    public static async Task CodeAsync(HttpContext context, DeviceSignIns devices, SameOrigin origin, CredentialsOrigin credentials)
    {
        if (await ReadFormAsync(context) is not { } form)
        {
            return;
        }

        // Shown to the person who decides, so it is the device's claim and no more.
        var client = string.Concat(form["client_id"].ToString().Where(static c => !char.IsControl(c)).Take(LongestClient)).Trim();
        var codes = await devices.BeginAsync(client.Length == 0 ? "a device" : client, context.Connection.RemoteIpAddress?.ToString() ?? "unknown");
        var page = (credentials.IsSet ? credentials.Value : origin.OriginOf(context.Request)) + IdentityPaths.Device;
        var shown = UserCode.Show(codes.UserCode);
        await WriteAsync(context, StatusCodes.Status200OK, new CodeAnswer(
            codes.DeviceCode, shown, page, credentials.IsSet ? null : $"{page}?user_code={shown}", (int)codes.Lifetime.TotalSeconds, (int)codes.Interval.TotalSeconds), DeviceJson.Default.CodeAnswer);
    }

    public static async Task TokenAsync(HttpContext context, DeviceSignIns devices, IOptions<IdentityOptions> options, Audit audit)
    {
        if (await ReadFormAsync(context) is not { } form)
        {
            return;
        }

        if (form["grant_type"] != GrantType)
        {
            await ErrorAsync(context, "unsupported_grant_type");
            return;
        }

        var (poll, token) = await devices.PollAsync(form["device_code"].ToString());
        if (poll.Token is { } made)
        {
            audit.DeviceSignedIn(context, made.User);
        }

        await (token is null
            ? ErrorAsync(context, DeviceSignIns.ErrorOf(poll.Kind))
            : WriteAsync(context, StatusCodes.Status200OK, new TokenAnswer(token, "Bearer", (long)options.Value.DeviceTokenLifetime.TotalSeconds), DeviceJson.Default.TokenAnswer));
    }

    public static async Task PageAsync(HttpContext context, DeviceSignIns devices, PageForms forms, CredentialsOrigin credentials)
    {
        if (!PageForms.IsBySignIn(context))
        {
            await RefusalResponse.WriteAsync(context, IdentityRefusals.NeedsBrowser);
            return;
        }

        string? typed = context.Request.Query["user_code"];
        // Where no fresh sign-in follows, the person types the code: a link, and a click that somebody else led to, is not enough to approve.
        await (string.IsNullOrEmpty(typed) || credentials.IsAt(context) ? AskForCodeAsync(context, forms) : ShowAsync(context, devices, forms, credentials, typed));
    }

    private static async Task ShowAsync(HttpContext context, DeviceSignIns devices, PageForms forms, CredentialsOrigin credentials, string typed)
    {
        if (await devices.IsGuessingAsync(context.User.GetUserId()))
        {
            await RefusalResponse.WriteAsync(context, IdentityRefusals.TooManyCodes);
            return;
        }

        var code = UserCode.Parse(typed);
        if (code is null || await devices.FindAsync(code) is not { } request)
        {
            await RefusalResponse.WriteAsync(context, IdentityRefusals.NoSuchUserCode);
            return;
        }

        await IdentityPage.WriteAsync(context, "Sign a device in?", $"""
            <p>A program that calls itself <b>{IdentityPage.Encode(request.Client)}</b>, at the address <b>{IdentityPage.Encode(request.Source)}</b>, wants to use your workspace as {IdentityPage.Encode(context.User.GetUserId().Value)}.</p>
            <p>It must show you this code now: <code>{UserCode.Show(code)}</code></p>
            <p>If you did not start it yourself, or somebody sent you here, deny.</p>
            <form method="post" action="{IdentityPaths.Device}">
            {forms.HiddenField(context)}<input type="hidden" name="user_code" value="{code}">
            <p><button name="decision" value="approve">Approve</button> <button name="decision" value="deny">Deny</button></p>
            {(credentials.IsAt(context) ? "" : "<p><small>To approve you will be asked to sign in once more.</small></p>")}
            </form>
            """);
    }

    public static async Task DecideAsync(HttpContext context, DeviceSignIns devices, PageForms forms, FreshSignIn fresh, CredentialsOrigin credentials, Audit audit)
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

        if (form["decision"] == "look")
        {
            await ShowAsync(context, devices, forms, credentials, form["user_code"].ToString());
            return;
        }

        if (await devices.IsGuessingAsync(context.User.GetUserId()))
        {
            await RefusalResponse.WriteAsync(context, IdentityRefusals.TooManyCodes);
            return;
        }

        var code = UserCode.Parse(form["user_code"]);
        if (code is null || await devices.FindAsync(code) is not { } request)
        {
            await RefusalResponse.WriteAsync(context, IdentityRefusals.NoSuchUserCode);
        }
        else if (form["decision"] == "approve")
        {
            await fresh.AskAsync(context, DeviceSignIns.ActionName, code);
        }
        else
        {
            await devices.DenyAsync(code);
            audit.DeviceDecided(context, context.User.GetUserId(), "denied", request.Client);
            await IdentityPage.WriteAsync(context, "Denied", "<p>The device was not signed in.</p>");
        }
    }

    private static Task AskForCodeAsync(HttpContext context, PageForms forms) => IdentityPage.WriteAsync(context, "Sign a device in", $"""
        <form method="post" action="{IdentityPaths.Device}">
        {forms.HiddenField(context)}
        <label>The code that your device shows <input name="user_code" required maxlength="16" autocomplete="off" autocapitalize="characters" spellcheck="false"></label>
        <p><button name="decision" value="look">Go on</button></p>
        </form>
        """);

    private static async Task<IFormCollection?> ReadFormAsync(HttpContext context)
    {
        if (context.Request.HasFormContentType)
        {
            return await context.Request.ReadFormAsync(context.RequestAborted);
        }

        await ErrorAsync(context, "invalid_request");
        return null;
    }

    private static Task ErrorAsync(HttpContext context, string error) => WriteAsync(context, StatusCodes.Status400BadRequest, new ErrorAnswer(error), DeviceJson.Default.ErrorAnswer);

    private static Task WriteAsync<T>(HttpContext context, int status, T answer, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type)
    {
        context.Response.StatusCode = status;
        context.Response.Headers.CacheControl = "no-store";
        return context.Response.WriteAsJsonAsync(answer, type);
    }

    internal sealed record CodeAnswer(string DeviceCode, string UserCode, string VerificationUri, string? VerificationUriComplete, int ExpiresIn, int Interval);

    internal sealed record TokenAnswer(string AccessToken, string TokenType, long ExpiresIn);

    internal sealed record ErrorAnswer(string Error);

    [JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
    [JsonSerializable(typeof(CodeAnswer))]
    [JsonSerializable(typeof(TokenAnswer))]
    [JsonSerializable(typeof(ErrorAnswer))]
    private sealed partial class DeviceJson : JsonSerializerContext;
}
