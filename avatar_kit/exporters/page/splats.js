"use strict";
// Gaussians that follow the bones of a skinned mesh: EWA splatting, back to front.
const Splats = (() => {
  const ROWS = 7; // texels of a Gaussian: see page_gaussians.py

  const vertex = `
    precision highp float;
    precision highp sampler2D;
    uniform sampler2D data, moved, bones;
    uniform vec2 focal, size;
    uniform float trained;
    uniform bool isLit;
    uniform vec3 towards, direct, ambient[8];
    uniform vec2 limits;
    in float order;
    out vec2 place;
    out vec4 colour;

    vec4 texel(sampler2D from, int i) {
      int width = textureSize(from, 0).x;
      return texelFetch(from, ivec2(i % width, i / width), 0);
    }

    mat4 bone(float j) {
      int i = 4 * int(j);
      return mat4(texel(bones, i), texel(bones, i + 1), texel(bones, i + 2), texel(bones, i + 3));
    }

    mat3 turned(vec4 q) {
      vec3 v = q.xyz;
      mat3 k = mat3(0.0, v.z, -v.y, -v.z, 0.0, v.x, v.y, -v.x, 0.0);
      return mat3(1.0) + 2.0 * (q.w * k + k * k);
    }

    vec3 shade(vec3 n, float lit) {
      if (!isLit) return vec3(1.0);
      float h[8] = float[8](n.x, n.y, n.z, n.x * n.y, n.y * n.z, n.x * n.z, 0.5 * (3.0 * n.z * n.z - 1.0), (n.x * n.x - n.y * n.y) * 0.70710678);
      vec3 sum = vec3(1.0);
      for (int i = 0; i < 8; i++) sum += h[i] * ambient[i];
      return clamp(sum - (1.0 - lit) * max(dot(n, towards), 0.0) * direct, limits.x, limits.y);
    }

    void main() {
      gl_Position = vec4(0.0, 0.0, 2.0, 1.0); // not drawn
      int i = int(order);
      vec4 mean = texel(data, ${ROWS} * i), shape = texel(data, ${ROWS} * i + 1), extent = texel(data, ${ROWS} * i + 2);
      vec4 paint = texel(data, ${ROWS} * i + 3), normal = texel(data, ${ROWS} * i + 4);
      vec4 joints = texel(data, ${ROWS} * i + 5), weights = texel(data, ${ROWS} * i + 6);
      mat4 carry = weights.x * bone(joints.x) + weights.y * bone(joints.y) + weights.z * bone(joints.z) + weights.w * bone(joints.w);
      vec4 world = carry * vec4(mean.xyz + texel(moved, i).xyz, 1.0);
      vec3 n = normalize(mat3(carry) * normal.xyz), away = world.xyz - cameraPosition;
      if (extent.w < 0.5 && dot(away, n) >= 0.35 * length(away)) return;
      vec3 p = (viewMatrix * world).xyz;
      float depth = -p.z;
      if (depth < 0.05 || mean.w < 1.0 / 255.0) return;

      mat3 axes = mat3(viewMatrix) * mat3(carry) * turned(shape) * mat3(extent.x, 0.0, 0.0, 0.0, extent.y, 0.0, 0.0, 0.0, extent.z);
      vec2 reach = 1.3 * 0.5 * size / focal;
      vec2 slope = clamp(p.xy / depth, -reach, reach);
      vec3 row0 = transpose(axes) * (focal.x / depth * vec3(1.0, 0.0, slope.x));
      vec3 row1 = transpose(axes) * (focal.y / depth * vec3(0.0, 1.0, slope.y));
      float grown = max(1.0, focal.y / depth / trained);
      float a = dot(row0, row0) + 0.3 * grown * grown, b = dot(row0, row1), c = dot(row1, row1) + 0.3 * grown * grown;
      float middle = 0.5 * (a + c), radius = length(vec2(0.5 * (a - c), b));
      float large = middle + radius, small = max(middle - radius, 0.05);
      vec2 along = radius < 1e-6 ? vec2(1.0, 0.0) : normalize(abs(a - large) > abs(c - large) ? vec2(b, large - a) : vec2(large - c, b));
      float cut = sqrt(2.0 * log(255.0 * mean.w)); // where alpha falls below 1/255
      place = cut * position.xy;
      colour = vec4(max(paint.rgb * shade(n, paint.w), 0.0), mean.w);
      vec2 pixels = place.x * sqrt(large) * along + place.y * sqrt(small) * vec2(-along.y, along.x);
      gl_Position = projectionMatrix * vec4(p, 1.0);
      gl_Position.xy += 2.0 * pixels / size * gl_Position.w;
    }`;

  const fragment = `
    precision highp float;
    in vec2 place;
    in vec4 colour;
    out vec4 drawn;
    void main() {
      float alpha = min(0.999, colour.a * exp(-0.5 * dot(place, place)));
      if (alpha < 1.0 / 255.0) discard;
      drawn = vec4(min(colour.rgb, 1.0), alpha);
    }`;

  function texture(values, texels) {
    const width = 1024, height = Math.ceil(texels / width);
    const whole = new Float32Array(4 * width * height);
    whole.set(values);
    const found = new THREE.DataTexture(whole, width, height, THREE.RGBAFormat, THREE.FloatType);
    found.needsUpdate = true;
    return found;
  }

  // numbers: Float32Array as page_gaussians.py packs it; facts: what it says of them
  return function splats(numbers, facts, mesh) {
    const { count, moved, light } = facts;
    const rows = numbers.subarray(0, 4 * ROWS * count);
    const shifts = texture([], count);
    const geometry = new THREE.InstancedBufferGeometry();
    geometry.setAttribute("position", new THREE.BufferAttribute(new Float32Array([-1, -1, 0, 1, -1, 0, 1, 1, 0, -1, 1, 0]), 3));
    geometry.setIndex([0, 1, 2, 0, 2, 3]);
    const order = new THREE.InstancedBufferAttribute(Float32Array.from({ length: count }, (_, i) => i), 1);
    geometry.setAttribute("order", order);
    geometry.instanceCount = count;
    mesh.skeleton.computeBoneTexture();
    const ambient = Array.from({ length: 8 }, (_, i) => new THREE.Vector3(...(light?.ambient.slice(3 * i, 3 * i + 3) ?? [0, 0, 0])));
    const uniforms = {
      data: { value: texture(rows, ROWS * count) },
      moved: { value: shifts },
      bones: { value: mesh.skeleton.boneTexture },
      focal: { value: new THREE.Vector2() },
      size: { value: new THREE.Vector2() },
      trained: { value: facts.scale },
      isLit: { value: Boolean(light) },
      towards: { value: new THREE.Vector3(...(light?.direction ?? [0, 1, 0])) },
      direct: { value: new THREE.Vector3(...(light?.direct ?? [0, 0, 0])) },
      ambient: { value: ambient },
      limits: { value: new THREE.Vector2(...(light?.limits ?? [0, 1])) },
    };
    const material = new THREE.ShaderMaterial({
      uniforms, vertexShader: vertex, fragmentShader: fragment, glslVersion: THREE.GLSL3, transparent: true, depthWrite: false,
    });
    const object = new THREE.Mesh(geometry, material);
    object.frustumCulled = false;

    const shown = new Float32Array(moved.length);
    function express() {
      const now = mesh.morphTargetInfluences;
      if (shown.every((value, i) => Math.abs(value - now[i]) < 1e-4)) return;
      const values = shifts.image.data;
      values.fill(0);
      let at = 4 * ROWS * count;
      moved.forEach((length, channel) => {
        const weight = now[channel];
        shown[channel] = weight;
        for (let row = at; weight && row < at + 4 * length; row += 4) {
          const i = 4 * numbers[row];
          for (let axis = 0; axis < 3; axis++) values[i + axis] += weight * numbers[row + 1 + axis];
        }
        at += 4 * length;
      });
      shifts.needsUpdate = true;
    }

    // far to near, by a counting sort of the depths
    const depths = new Float32Array(count), bins = new Uint32Array(65537), keys = new Uint16Array(count);
    function sort(camera) {
      const e = camera.matrixWorldInverse.elements, bones = mesh.skeleton.boneMatrices;
      const lines = new Float32Array(4 * mesh.skeleton.bones.length); // third row of view times bone
      for (let j = 0; j < mesh.skeleton.bones.length; j++) {
        for (let column = 0; column < 4; column++) {
          const b = 16 * j + 4 * column;
          lines[4 * j + column] = e[2] * bones[b] + e[6] * bones[b + 1] + e[10] * bones[b + 2] + e[14] * bones[b + 3];
        }
      }
      let low = Infinity, high = -Infinity;
      for (let i = 0; i < count; i++) {
        const at = 4 * ROWS * i;
        let depth = 0;
        for (let k = 0; k < 4; k++) {
          const j = 4 * rows[at + 20 + k];
          depth += rows[at + 24 + k] * (lines[j] * rows[at] + lines[j + 1] * rows[at + 1] + lines[j + 2] * rows[at + 2] + lines[j + 3]);
        }
        depths[i] = depth; // negative before the camera: the least is the farthest
        low = Math.min(low, depth);
        high = Math.max(high, depth);
      }
      bins.fill(0);
      const scale = 65535 / Math.max(high - low, 1e-9);
      for (let i = 0; i < count; i++) {
        keys[i] = (depths[i] - low) * scale;
        bins[keys[i] + 1] += 1;
      }
      for (let i = 0; i < 65536; i++) bins[i + 1] += bins[i];
      for (let i = 0; i < count; i++) order.array[bins[keys[i]]++] = i;
      order.needsUpdate = true;
    }

    // before each drawing; width and height in pixels of the picture
    function update(camera, width, height) {
      mesh.skeleton.update();
      camera.updateMatrixWorld();
      const p = camera.projectionMatrix.elements;
      uniforms.size.value.set(width, height);
      uniforms.focal.value.set((p[0] * width) / 2, (p[5] * height) / 2);
      express();
      sort(camera);
    }
    return { object, update };
  };
})();
